import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/** Ports that are listened on: one thread for each, one for each visitor. */
final class Doors {
    private static final int PATIENCE = 30_000; // milliseconds for a silent visitor

    /** Talks with one visitor until there is no more to say. */
    interface Talk {
        void with(DataInputStream in, DataOutputStream out) throws IOException;
    }

    private Doors() {}

    static void open(String name, int port, Talk talk) throws IOException {
        open(name, null, port, talk);
    }

    static void open(String name, InetAddress address, int port, Talk talk) throws IOException {
        ServerSocket door = new ServerSocket(port, 50, address);
        spawn(name, () -> {
            while (true) {
                Socket visitor = door.accept();
                spawn(name, () -> receive(visitor, talk));
            }
        });
    }

    private static void receive(Socket visitor, Talk talk) throws IOException {
        try (visitor) {
            visitor.setSoTimeout(PATIENCE);
            talk.with(new DataInputStream(visitor.getInputStream()),
                    new DataOutputStream(visitor.getOutputStream()));
        } catch (IOException | RuntimeException gone) {
            // A visitor who leaves or talks nonsense is none of the others' business.
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void spawn(String name, Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (IOException failure) {
                Log.error(name, "The listener ended", failure);
            }
        }, name);
        thread.setDaemon(false);
        thread.start();
    }
}
