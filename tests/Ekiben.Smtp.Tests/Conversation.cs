using System.Text;

namespace Ekiben.Smtp.Tests;

/// <summary>
/// A recorded conversation. Lines: <c>#</c> a comment, <c>options:</c> words, <c>M:</c> a message (sender, recipient and copies with + between, content with \r\n escapes),
/// <c>S:</c> what the server says, <c>C:</c> what we must say, <c>TLS</c> the handshake, <c>CLOSE</c> the server hangs up,
/// <c>O:</c> the outcomes in order, <c>F:</c> why the session ends, <c>P:</c> what is remembered of the server, <c>SLOW</c> a time limit passes.
/// </summary>
internal sealed class Conversation
{
    public required string Name { get; init; }

    public required SmtpOptions Options { get; init; }

    public bool OneByOne { get; init; }

    public bool Single { get; init; }

    public List<SmtpMessage> Messages { get; } = [];

    public List<Block> Blocks { get; } = [];

    public List<string> Outcomes { get; } = [];

    public string? Failure { get; private set; }

    public bool Misbehaved { get; private set; }

    public bool Quits { get; private init; }

    /// <summary>For each message, the place of its dot among the bytes that we say; none where it has no body.</summary>
    public Dictionary<int, int> Dots { get; } = [];

    public static TheoryData<string> Names() => [.. Directory.GetFiles(Folder, "*.txt").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Conversations");

    public static Conversation Load(string name)
    {
        var lines = File.ReadAllLines(Path.Combine(Folder, name + ".txt")).Where(line => line.Length > 0 && line[0] != '#').ToList();
        var words = lines.Where(line => line.StartsWith("options:", StringComparison.Ordinal)).SelectMany(line => line[8..].Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToList();
        string? Value(string key) => words.FirstOrDefault(word => word.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..];
        var conversation = new Conversation
        {
            Name = name,
            Options = new SmtpOptions
            {
                Host = "relay.example",
                Port = 25,
                Tls = words.Contains("starttls") ? SmtpTls.StartTls : words.Contains("implicit") ? SmtpTls.Implicit : SmtpTls.None,
                User = Value("user"),
                Password = Value("password"),
                AccessToken = Value("token"),
                AllowAuthInClear = words.Contains("clear"),
                Pipelining = !words.Contains("nopipelining"),
            },
            OneByOne = words.Contains("onebyone"),
            Single = words.Contains("single"),
            Quits = words.Contains("quit"),
        };
        foreach (var line in lines)
        {
            conversation.Add(line);
        }

        conversation.FindDots();
        return conversation;
    }

    private void Add(string line)
    {
        if (line.StartsWith("options:", StringComparison.Ordinal))
        {
            return;
        }

        var colon = line.IndexOf(':', StringComparison.Ordinal);
        var key = colon < 0 ? line : line[..colon];
        var rest = colon < 0 ? "" : line[(colon + 1)..].TrimStart(' ');
        switch (key)
        {
            case "M":
                var parts = rest.Split(' ', 3);
                var to = Unescape(parts[1]).Split('+');
                Messages.Add(new SmtpMessage(Unescape(parts[0] == "-" ? "" : parts[0]), to[0], Encoding.UTF8.GetBytes(Unescape(parts[2]))) { Copies = to.Length > 1 ? to[1..] : null });
                break;
            case "S":
            case "C":
                var last = Blocks.LastOrDefault();
                if (last?.Kind != key)
                {
                    Blocks.Add(last = new Block(key));
                }

                last.Text.Append(Unescape(rest)).Append("\r\n");
                break;
            case "TLS":
            case "CLOSE":
            case "SLOW":
                Blocks.Add(new Block(key));
                break;
            case "O":
                Outcomes.Add(rest);
                break;
            case "F":
                Failure = rest;
                break;
            case "P":
                Misbehaved = true;
                break;
            default:
                throw new FormatException($"{Name}: {line}");
        }
    }

    /// <summary>Reads the record once more by its own rules: replies answer commands in order, and after 354 comes the body of the message that said DATA.</summary>
    private void FindDots()
    {
        var (at, recipient) = (0, "");
        var commands = new Queue<(string Line, string Recipient)>([("greeting", "")]);
        string? body = null;
        foreach (var block in Blocks)
        {
            foreach (var line in block.Text.ToString().Split("\r\n").SkipLast(1))
            {
                if (block.Kind == "S" && (line.Length <= 3 || line[3] == ' ') && commands.TryDequeue(out var answered))
                {
                    body = answered.Line == "DATA" && line.StartsWith("354", StringComparison.Ordinal) ? answered.Recipient : body;
                }
                else if (block.Kind == "C")
                {
                    recipient = body is null && line.StartsWith("RCPT TO:<", StringComparison.Ordinal) && Messages.Exists(message => message.Recipient == line[9..^1]) ? line[9..^1] : recipient;
                    if (body is null || line == ".")
                    {
                        commands.Enqueue((line, recipient));
                    }

                    if (body is not null && line == ".")
                    {
                        Dots[Messages.FindIndex(message => message.Recipient == body)] = at;
                        body = null;
                    }

                    at += Encoding.UTF8.GetByteCount(line) + 2;
                }
            }
        }
    }

    private static string Unescape(string text) => text.Replace("\\r", "\r", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal)
        .Replace("\\0", "\0", StringComparison.Ordinal);

    internal sealed record Block(string Kind)
    {
        public StringBuilder Text { get; } = new();

        public byte[] Bytes => Encoding.UTF8.GetBytes(Text.ToString());
    }
}
