using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Ekiben.Sink;

/// <summary><c>ekiben sink</c>: the sink as a program, for people's own tests.</summary>
internal static class SinkCommand
{
    private const string FaultHelp = """
        What goes wrong, and when; repeatable. RULE is PHASE:ACTION[:KEY=VALUE,...]
        PHASE: connect, greeting, ehlo, auth, mail, rcpt, data, body, dot
        ACTION: a reply such as "450 4.2.1", close, rst, stall, delay=MILLISECONDS
          at the dot also accept-then-close, accept-then-rst, accept-then-stall:
          accepted and journaled, the reply withheld
        KEY:
          rate=0.3          hit this share, drawn from --seed
          every=N           hit every N-th event
          first=N           only the first N events can be hit
          after=N           let N events pass first
          to=PATTERN        only such recipients, as in *@bad.example
          messages=N        only after N messages on the connection
          greylist=SECONDS  hit each (sender, recipient) until so long after its first try
        close-after=N closes each connection after N messages
        Examples: --fault "rcpt:550 5.1.1:to=*@bad.example"
                  --fault dot:accept-then-close:every=100
                  --fault "rcpt:450 4.7.1:greylist=300"
        """;

    /// <summary>The command with its options. It prints <c>ekiben sink: listening on ADDRESS:PORT</c> when ready and runs until Ctrl+C or SIGTERM.</summary>
    public static Command Create()
    {
        var listen = new Option<IPEndPoint>("--listen")
        {
            Description = "Address and port to listen on; port 0 takes a free one.",
            HelpName = "ADDR",
            DefaultValueFactory = _ => new IPEndPoint(IPAddress.Loopback, 2525),
            CustomParser = result =>
            {
                var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
                if (TryParseAddress(text, out var address))
                {
                    return address;
                }

                result.AddError($"--listen '{text}': write it as ADDRESS:PORT, such as 127.0.0.1:2525.");
                return null;
            },
        };
        var faults = new Option<FaultRule[]>("--fault")
        {
            Description = FaultHelp,
            HelpName = "RULE",
            Arity = ArgumentArity.OneOrMore,
            DefaultValueFactory = _ => [],
            CustomParser = result =>
            {
                var rules = new List<FaultRule>();
                foreach (var token in result.Tokens)
                {
                    if (!FaultRule.TryParse(token.Value, out var rule, out var error))
                    {
                        result.AddError(error);
                    }

                    rules.Add(rule);
                }

                return [.. rules];
            },
        };
        var journal = new Option<string?>("--journal") { Description = "Append one JSON line a message, on disk before the reply.", HelpName = "FILE" };
        var seed = new Option<ulong>("--seed") { Description = "Decides which events rate= hits.", DefaultValueFactory = _ => 1, HelpName = "N" };
        var quiet = new Option<bool>("--quiet") { Description = "No summary at the end." };
        var user = new Option<string?>("--user") { Description = "Require AUTH with this name; needs --pass.", HelpName = "NAME" };
        var pass = new Option<string?>("--pass") { Description = "The password of --user; a test's, since others can read a command line.", HelpName = "PASSWORD" };
        var noPipelining = new Option<bool>("--no-pipelining") { Description = "Do not offer PIPELINING, and refuse commands sent ahead." };
        var startTls = new Option<bool>("--starttls") { Description = "Offer STARTTLS with a self-signed certificate." };

        var command = new Command("sink", "Run a programmable SMTP sink: it accepts mail, delivers it nowhere, and fails on request.") { listen, journal, faults, seed, quiet, user, pass, noPipelining, startTls };
        command.Validators.Add(result =>
        {
            if (result.GetValue(user) is null != result.GetValue(pass) is null)
            {
                result.AddError("--user and --pass go together.");
            }
        });
        command.SetAction((parsed, cancellationToken) => RunAsync(
            new SmtpSinkOptions
            {
                Listen = parsed.GetRequiredValue(listen),
                JournalPath = parsed.GetValue(journal),
                Faults = parsed.GetRequiredValue(faults),
                Seed = parsed.GetValue(seed),
                Credentials = parsed.GetValue(user) is { } name ? new SinkCredentials(name, parsed.GetRequiredValue(pass)!) : null,
                Pipelining = !parsed.GetValue(noPipelining),
                StartTls = parsed.GetValue(startTls),
            },
            parsed.GetValue(quiet),
            parsed.InvocationConfiguration.Output,
            parsed.InvocationConfiguration.Error,
            cancellationToken));
        return command;
    }

    /// <summary>Reads <c>127.0.0.1:2525</c>, <c>[::1]:2525</c>, <c>localhost:2525</c> or a port alone, which means loopback.</summary>
    internal static bool TryParseAddress(string text, out IPEndPoint address)
    {
        var spelled = text.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase) ? text["localhost".Length..] : text;
        if (ushort.TryParse(spelled.TrimStart(':'), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            address = new IPEndPoint(IPAddress.Loopback, port);
            return true;
        }

        // Without a colon it would be read as an address with port 0.
        var parsed = IPEndPoint.TryParse(spelled, out var found) && spelled.LastIndexOf(':') > spelled.LastIndexOf(']') && spelled.Contains(':', StringComparison.Ordinal);
        address = found ?? new IPEndPoint(IPAddress.Loopback, 0);
        return parsed;
    }

    private static async Task<int> RunAsync(SmtpSinkOptions options, bool quiet, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
#pragma warning disable RS0030 // The sink runs without the container that names the clock elsewhere.
        var clock = TimeProvider.System;
#pragma warning restore RS0030
        SmtpSink sink;
        try
        {
            sink = await SmtpSink.StartAsync(options, clock, cancellationToken);
        }
        catch (SocketException e)
        {
            await error.WriteLineAsync($"ekiben sink: cannot listen on {options.Listen}: {e.Message}");
            return 1;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync($"ekiben sink: cannot open the journal: {e.Message}");
            return 1;
        }

        await using (sink)
        {
            await output.WriteLineAsync($"ekiben sink: listening on {sink.EndPoint}");
            await output.FlushAsync(CancellationToken.None);
            var failed = await EndsInFailureAsync(sink, error, cancellationToken);
            if (!quiet)
            {
                var seen = sink.Counters;
                await error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"ekiben sink: {seen.Accepted} accepted, {seen.NotAccepted} not accepted, {seen.ConnectionsTotal} connections (at most {seen.ConnectionsPeak} at once)"));
            }

            return failed ? 1 : 0;
        }
    }

    private static async Task<bool> EndsInFailureAsync(SmtpSink sink, TextWriter error, CancellationToken cancellationToken)
    {
        try
        {
            await sink.Completion.WaitAsync(cancellationToken);
            return false;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        catch (IOException e)
        {
            await error.WriteLineAsync($"ekiben sink: cannot write the journal: {e.Message}");
            return true;
        }
    }
}
