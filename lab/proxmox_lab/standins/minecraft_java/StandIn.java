import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;

/** A stand-in for a Minecraft server: it starts, answers, saves and stops like one, and is no game. */
public final class StandIn {
    private static final Path EULA = Path.of("eula.txt");

    private StandIn() {}

    public static void main(String[] arguments) throws IOException {
        long began = System.nanoTime();
        if (!isEulaAccepted()) {
            Log.info("ServerMain", "You need to agree to the EULA in order to run the server. "
                    + "Go to eula.txt for more info.");
            return;
        }
        Settings settings = Settings.read(Path.of("server.properties"));
        String version = manifest("Implementation-Version", "0.0.0");
        Log.info("Server thread", "Starting minecraft server version " + version);
        Log.info("Server thread", "This is Spawnyard's stand-in: nobody can play here");
        World world = new World(Path.of(settings.text("level-name", "world")), version);
        try {
            world.open();
            if (Boolean.parseBoolean(manifest("Stand-In-Breaks", "false"))) {
                throw new IllegalStateException("This version is made to break");
            }
            serve(settings, version, world, began);
        } catch (IOException | RuntimeException failure) {
            Log.error("Server thread", "Encountered an unexpected exception", failure);
            System.exit(1);
        }
    }

    private static void serve(Settings settings, String version, World world, long began)
            throws IOException {
        Players players = new Players(settings.number("max-players", 20));
        Commands commands = new Commands(world, players);
        int port = settings.number("server-port", 25565);
        Log.info("Server thread", "Starting Minecraft server on *:" + port);
        Doors.open("Server Listener", port, new StatusDoor(settings, version, players)::answer);
        Log.info("Server thread", "Preparing level \"" + world.name() + "\"");
        Runtime.getRuntime().addShutdownHook(new Thread(world::close, "Server Shutdown Thread"));
        double seconds = (System.nanoTime() - began) / 1e9;
        Log.info("Server thread",
                String.format(java.util.Locale.ROOT, "Done (%.3fs)! For help, type \"help\"", seconds));
        RconDoor.openIfWanted(settings, commands);
        commands.obeyConsole();
    }

    private static boolean isEulaAccepted() throws IOException {
        Properties told = new Properties();
        if (!Files.exists(EULA)) {
            Log.info("ServerMain", "Failed to load eula.txt");
            Files.writeString(EULA, "eula=false\n");
        }
        try (var text = Files.newBufferedReader(EULA)) {
            told.load(text);
        }
        return Boolean.parseBoolean(told.getProperty("eula", "false"));
    }

    private static String manifest(String name, String otherwise) throws IOException {
        try (var text = StandIn.class.getResourceAsStream("/META-INF/MANIFEST.MF")) {
            String told = text == null
                    ? null : new java.util.jar.Manifest(text).getMainAttributes().getValue(name);
            return told == null ? otherwise : told;
        }
    }
}
