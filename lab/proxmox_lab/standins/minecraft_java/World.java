import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A folder in place of a world: which version wrote it, and how often it was saved. */
final class World {
    private final Path folder;
    private final String version;
    private long saves;
    private boolean isOpen;

    World(Path folder, String version) {
        this.folder = folder;
        this.version = version;
    }

    String name() {
        return folder.getFileName().toString();
    }

    /** Bring the world up to this version; one that a newer version wrote is refused. */
    synchronized void open() throws IOException {
        Files.createDirectories(folder);
        Path level = folder.resolve("level.dat");
        if (Files.exists(level)) {
            String[] told = Files.readString(level).strip().split(" ");
            if (compare(told[0], version) > 0) {
                throw new IOException("The world was saved by the newer version " + told[0]);
            }
            saves = Long.parseLong(told[1]);
        }
        isOpen = true;
        write();
    }

    synchronized void save() {
        saves++;
        try {
            write();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    synchronized void close() {
        if (isOpen) {
            Log.info("Server thread", "Stopping server");
            Log.info("Server thread", "Saving worlds");
            save();
            isOpen = false;
            Log.info("Server thread", "ThreadedAnvilChunkStorage: All dimensions are saved");
        }
    }

    private void write() throws IOException {
        Path fresh = folder.resolve("level.dat_new");
        Files.writeString(fresh, version + " " + saves + "\n");
        Files.move(fresh, folder.resolve("level.dat"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING,
                java.nio.file.StandardCopyOption.ATOMIC_MOVE);
    }

    private static int compare(String one, String other) {
        return java.util.Arrays.compare(numbers(one), numbers(other));
    }

    private static int[] numbers(String version) {
        return java.util.Arrays.stream(version.split("[^0-9]+"))
                .filter(part -> !part.isEmpty()).mapToInt(Integer::parseInt).toArray();
    }
}
