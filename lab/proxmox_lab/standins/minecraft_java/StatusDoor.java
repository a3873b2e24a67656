import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.StringJoiner;
import java.util.UUID;

/** The question of the multiplayer list: handshake, status, ping. A login is turned away. */
final class StatusDoor {
    private static final int STATUS = 1;
    private static final int LONGEST = 1 << 16;
    private static final int PROTOCOL = 0; // of no version of the game

    private final Settings settings;
    private final String version;
    private final Players players;

    StatusDoor(Settings settings, String version, Players players) {
        this.settings = settings;
        this.version = version;
        this.players = players;
    }

    void answer(DataInputStream in, DataOutputStream out) throws IOException {
        DataInputStream handshake = packet(in);
        number(handshake); // 0: the handshake
        number(handshake); // the visitor's protocol
        text(handshake); // the address he asked for
        handshake.readUnsignedShort();
        boolean asksStatus = number(handshake) == STATUS;
        while (true) {
            DataInputStream question = packet(in);
            int kind = number(question);
            if (!asksStatus) {
                send(out, 0, encoded("{\"text\":\"This is a stand-in: nobody can play here\"}"));
                return;
            }
            send(out, kind, kind == 0 ? encoded(status()) : question.readAllBytes());
        }
    }

    private String status() {
        StringJoiner sample = new StringJoiner(",", "[", "]");
        for (String name : players.names()) {
            UUID id = UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8));
            sample.add("{\"name\":" + quoted(name) + ",\"id\":\"" + id + "\"}");
        }
        return "{\"version\":{\"name\":" + quoted(version) + ",\"protocol\":" + PROTOCOL + "},"
                + "\"players\":{\"max\":" + players.most() + ",\"online\":" + players.names().size()
                + ",\"sample\":" + sample + "},\"description\":{\"text\":"
                + quoted(settings.text("motd", "A Minecraft Server")) + "}}";
    }

    private static DataInputStream packet(DataInputStream in) throws IOException {
        int size = number(in);
        if (size < 1 || size > LONGEST) {
            throw new IOException("no packet");
        }
        byte[] body = in.readNBytes(size);
        return new DataInputStream(new java.io.ByteArrayInputStream(body));
    }

    private static void send(DataOutputStream out, int kind, byte[] body) throws IOException {
        ByteArrayOutputStream packet = new ByteArrayOutputStream();
        write(packet, kind);
        packet.write(body);
        ByteArrayOutputStream framed = new ByteArrayOutputStream();
        write(framed, packet.size());
        packet.writeTo(framed);
        out.write(framed.toByteArray());
        out.flush();
    }

    private static byte[] encoded(String text) throws IOException {
        byte[] letters = text.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        write(out, letters.length);
        out.write(letters);
        return out.toByteArray();
    }

    private static String text(DataInputStream in) throws IOException {
        return new String(in.readNBytes(number(in)), StandardCharsets.UTF_8);
    }

    private static int number(DataInputStream in) throws IOException {
        int value = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            int part = in.readUnsignedByte();
            value |= (part & 0x7F) << shift;
            if ((part & 0x80) == 0) {
                return value;
            }
        }
        throw new IOException("no number");
    }

    private static void write(ByteArrayOutputStream out, int number) {
        while ((number & ~0x7F) != 0) {
            out.write(number & 0x7F | 0x80);
            number >>>= 7;
        }
        out.write(number);
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter == '"' || letter == '\\') {
                out.append('\\').append(letter);
            } else if (letter < 0x20) {
                out.append(String.format("\\u%04x", (int) letter));
            } else {
                out.append(letter);
            }
        }
        return out.append('"').toString();
    }
}
