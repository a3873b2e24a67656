import java.util.LinkedHashSet;
import java.util.Set;

/** Who is said to play. Nobody can join; the console can pretend that somebody did. */
final class Players {
    private final int most;
    private final Set<String> names = new LinkedHashSet<>();

    Players(int most) {
        this.most = most;
    }

    int most() {
        return most;
    }

    synchronized Set<String> names() {
        return new LinkedHashSet<>(names);
    }

    synchronized void join(String name) {
        if (names.add(name)) {
            Log.info("Server thread", name + " joined the game");
        }
    }

    synchronized void leave(String name) {
        if (names.remove(name)) {
            Log.info("Server thread", name + " left the game");
        }
    }
}
