"""URLs that no webhook is ever sent to."""

ODD = [
    *("", "hooks.example/x", "ftp://hooks.example/", "file:///etc/passwd", "https:///x"),
    *("https:hooks.example", "//hooks.example/", "gopher://hooks.example/", "https://:443/"),
    *("https://me:secret@hooks.example/", "https://1.1.1.1@10.0.0.1/", "https://@hooks.example/"),
    *("https://hooks.example/#x", "https://hooks.example#@1.1.1.1/", "https://hooks.example/a b"),
    *("https://hooks.example/\r\nX: y", " https://hooks.example/", "https://hooks.example/\t"),
    *("https://127.0.0.1\\@1.1.1.1/", "https://hooks.example\\x", "https://hooks.example/\x00"),
    *("https://bücher.example/", "https://hooks.example/ü", "https://hooks。example/"),
    *("https://hooks.example:0/", "https://hooks.example:65536/", "https://hooks.example:/"),
    *("https://hooks.example:+443/", "https://hooks.example:443:443/", "https://hooks.example:x/"),
    *("https://hooks.example:22/", "https://hooks.example:25/", "https://hooks.example:6379/"),
    *("https://hooks.example./", "https://hooks..example/", "https://-a.example/", "https://a-/"),
    *("https://[::1/", "https://[fe80::1%25eth0]/", "https://[1.1.1.1]/", "https://[::g]/"),
    *("https://%31%32%37.0.0.1/", "https://a%2eb/", f"https://{'a' * 64}.example/"),
    *(f"https://{'a.' * 130}b/", "https://hooks.example/" + "x" * 2048, "https://a,b/"),
]
INNER = [
    *("127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1"),
    *("0", "0.0.0.0", "00", "0x", "127.0.0.1.", "127.0.0.0x1", "\u2460\u2461\u2466.\u2460"),
    *("\uff11\uff12\uff17.\uff10.\uff10.\uff11", "127\u30020\u30020\u30021", "10.0.0.1"),
    *("172.16.0.1", "169.254.169.254", "0xa9fea9fe", "100.64.0.1", "224.0.0.1", "255.255.255.255"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[fd00::1]"),
    *("[2002:7f00:1::]", "[::127.0.0.1]", "[fe80::1]", "[fec0::1]", "[3fff::1]", "[5f00::1]"),
    *("[ff02::1]", "localhost", "LocalHost", "metadata.localhost"),
]  # fmt: skip
