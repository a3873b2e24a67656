import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.function.UnaryOperator;

/** What the console and the remote console can say, and what is answered in the game's words. */
final class Commands {
    private final World world;
    private final Players players;
    private final Map<String, UnaryOperator<String>> known = Map.of(
            "list", rest -> listed(),
            "save-all", rest -> saved(),
            "save-off", rest -> "Automatic saving is now disabled",
            "save-on", rest -> "Automatic saving is now enabled",
            "say", rest -> "[Server] " + rest,
            "help", rest -> "/help /list /pretend (join|leave) NAME /save-all /say /stop",
            "pretend", this::pretended,
            "stop", rest -> "Stopping the server");

    Commands(World world, Players players) {
        this.world = world;
        this.players = players;
    }

    /** Return the answer to one line. Whoever said "stop" then calls {@link #endIfTold}. */
    synchronized String obey(String line) {
        String[] words = line.strip().replaceFirst("^/", "").split(" +", 2);
        UnaryOperator<String> command = known.get(words[0]);
        return command == null
                ? "Unknown or incomplete command, see below for error" + words[0] + "<--[HERE]"
                : command.apply(words.length > 1 ? words[1] : "");
    }

    void endIfTold(String line) {
        if (line.strip().replaceFirst("^/", "").equals("stop")) {
            System.exit(0); // the shutdown hook saves the world
        }
    }

    /** Obey the standard input line by line; its end is not ours. */
    void obeyConsole() throws IOException {
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (!line.isBlank()) {
                Log.info("Server thread", obey(line));
                endIfTold(line);
            }
        }
    }

    private String listed() {
        var names = players.names();
        return "There are " + names.size() + " of a max of " + players.most()
                + " players online: " + String.join(", ", names);
    }

    private String saved() {
        Log.info("Server thread", "Saving the game (this may take a moment!)");
        world.save();
        return "Saved the game";
    }

    private String pretended(String rest) {
        String[] words = rest.split(" +");
        if (words.length != 2) {
            return "pretend join NAME, pretend leave NAME";
        }
        if (words[0].equals("join")) {
            players.join(words[1]);
        } else {
            players.leave(words[1]);
        }
        return listed();
    }
}
