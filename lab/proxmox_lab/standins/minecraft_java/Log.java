import java.time.LocalTime;
import java.time.format.DateTimeFormatter;

/** Lines as the game writes them: {@code [12:34:56] [Server thread/INFO]: text}. */
final class Log {
    private static final DateTimeFormatter CLOCK = DateTimeFormatter.ofPattern("HH:mm:ss");

    private Log() {}

    static synchronized void info(String thread, String text) {
        write(thread, "INFO", text);
    }

    static synchronized void warn(String thread, String text) {
        write(thread, "WARN", text);
    }

    static synchronized void error(String thread, String text, Exception cause) {
        write(thread, "ERROR", text);
        System.out.println(cause);
    }

    private static void write(String thread, String level, String text) {
        System.out.println(
                "[" + LocalTime.now().format(CLOCK) + "] [" + thread + "/" + level + "]: " + text);
    }
}
