import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The remote console: size, number, kind, text, two zeros; little end first. */
final class RconDoor {
    private static final int LOGIN = 3;
    private static final int COMMAND = 2;
    private static final int ANSWER = 0;
    private static final int REFUSED = -1;
    private static final int LONGEST = 1460;

    private final String password;
    private final Commands commands;

    private RconDoor(String password, Commands commands) {
        this.password = password;
        this.commands = commands;
    }

    static void openIfWanted(Settings settings, Commands commands) throws IOException {
        String password = settings.text("rcon.password", "");
        if (!settings.isOn("enable-rcon")) {
            return;
        }
        if (password.isEmpty()) {
            Log.warn("Server thread", "No rcon password set in server.properties, rcon disabled!");
            return;
        }
        int port = settings.number("rcon.port", 25575);
        Doors.open("RCON Listener", port, new RconDoor(password, commands)::answer);
        Log.info("Server thread", "RCON running on 0.0.0.0:" + port);
    }

    private void answer(DataInputStream in, DataOutputStream out) throws IOException {
        boolean isKnown = false;
        while (true) {
            int size = Integer.reverseBytes(in.readInt());
            if (size < 10 || size > LONGEST) {
                return;
            }
            ByteBuffer packet = ByteBuffer.wrap(in.readNBytes(size)).order(ByteOrder.LITTLE_ENDIAN);
            int number = packet.getInt();
            int kind = packet.getInt();
            String text = new String(packet.array(), 8, size - 10, StandardCharsets.UTF_8);
            if (kind == LOGIN) {
                isKnown = password.equals(text);
                send(out, isKnown ? number : REFUSED, COMMAND, "");
            } else if (!isKnown) {
                send(out, REFUSED, COMMAND, "");
            } else if (kind == COMMAND) {
                send(out, number, ANSWER, commands.obey(text));
                commands.endIfTold(text);
            } else {
                send(out, number, ANSWER, "Unknown request " + Integer.toHexString(kind));
            }
        }
    }

    private static void send(DataOutputStream out, int number, int kind, String text)
            throws IOException {
        byte[] letters = text.getBytes(StandardCharsets.UTF_8);
        ByteBuffer packet = ByteBuffer.allocate(14 + letters.length).order(ByteOrder.LITTLE_ENDIAN);
        packet.putInt(10 + letters.length).putInt(number).putInt(kind).put(letters);
        out.write(packet.array());
        out.flush();
    }
}
