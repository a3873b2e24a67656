import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;

/** What server.properties says; what it does not say has the game's own default. */
final class Settings {
    private final Properties told;

    private Settings(Properties told) {
        this.told = told;
    }

    static Settings read(Path file) throws IOException {
        Properties told = new Properties();
        if (Files.exists(file)) {
            try (var text = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
                told.load(text);
            }
        }
        return new Settings(told);
    }

    String text(String name, String otherwise) {
        return told.getProperty(name, otherwise);
    }

    int number(String name, int otherwise) {
        return Integer.parseInt(text(name, String.valueOf(otherwise)).strip());
    }

    boolean isOn(String name) {
        return Boolean.parseBoolean(text(name, "false").strip());
    }
}
