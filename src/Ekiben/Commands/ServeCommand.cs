using System.CommandLine;
using System.Net;
using System.Net.Sockets;

namespace Ekiben.Commands;

/// <summary><c>ekiben serve</c>: the server, until SIGTERM or Ctrl+C.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var command = new Command("serve", "Run the server: API, platform and sending.");
        command.SetAction(async (parsed, cancel) =>
        {
            // System.CommandLine hears signals only once its action has suspended, and on SQLite all up to "listening" may run without doing so:
            // a SIGTERM right after that line would end the process with 143 and nothing put in order.
            await Task.Yield();
            var options = CommonOptions.Read(parsed);
            if (CommonOptions.PasswordOnCommandLine(parsed))
            {
                Console.Error.WriteLine("ekiben: warning: others on this machine can read a password on the command line; use pass-file=, EKIBEN_RELAY or EKIBEN_DATABASE");
            }

            Failpoints.Arm();
            using var held = await ServeLock.TakeAsync(options, cancel);
            await using var server = await RunningServer.StartAsync(options, held, cancel);
            // Made before anybody is told that it listens: after that line nothing changes by itself.
            var first = await server.App.Services.GetRequiredService<Accounts.Invitations>().FirstOwnerAsync(cancel);
            Console.Out.WriteLine($"ekiben: listening on {server.Address}");
            await Console.Out.FlushAsync(CancellationToken.None);
            if (first is not null)
            {
                Console.Error.WriteLine($"ekiben: make the first account at {server.Address}{first} (once, within 24 hours)");
            }

            await server.App.WaitForShutdownAsync(cancel);
            return 0;
        });
        return command;
    }
}

/// <summary>The started server of <c>serve</c> and <c>demo</c>.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private RunningServer(WebApplication app, string address) => (App, Address) = (app, address);

    public WebApplication App { get; }

    /// <summary>The first address as people and clients should write it, with the real port.</summary>
    public string Address { get; }

    /// <summary>Prepares the folder and starts everything; the caller owns the folder's lock.</summary>
    /// <exception cref="CommandFailure">The port is taken.</exception>
    public static async Task<RunningServer> StartAsync(EkibenOptions options, ServeLock held, CancellationToken cancel)
    {
        // Before anything starts: the web host would find out after the engine is running, and log a page of it.
        if (WhatKeepsFrom(options.Urls) is { } port)
        {
            throw new CommandFailure(port);
        }

        // Kestrel gives localhost no free port, since it would have to be free on two addresses.
        var app = EkibenBuilder.Build(options with { Urls = options.Urls.Replace("//localhost:0", "//127.0.0.1:0", StringComparison.OrdinalIgnoreCase) });
        try
        {
            if (await app.Services.GetRequiredService<Storage.SendQueue>().OwnAsync(cancel) is { } taken)
            {
                throw new CommandFailure(taken);
            }

            await DataFolder.MigrateAsync(app.Services, options, running: null, cancel);
            await app.StartAsync(cancel);
            var address = Spoken(options.Urls.Split(';')[0], app.Urls.First());
            held.Announce(address);
            return new RunningServer(app, address);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Once more is harmless after a signal; without one, as in demo, it lets what is on the wire finish.
        await App.StopAsync(CancellationToken.None);
        await App.DisposeAsync();
    }

    /// <summary>One sentence on the first address that cannot be listened on, null when all can.</summary>
    public static string? WhatKeepsFrom(string urls)
    {
        foreach (var url in urls.Split(';'))
        {
            var address = BindingAddress.Parse(url);
            var ip = address.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
                : IPAddress.TryParse(address.Host.Trim('[', ']'), out var literal) ? literal
                : IPAddress.Any;
            using var listener = new TcpListener(ip, address.Port);
            try
            {
                listener.Start();
            }
            catch (SocketException refused)
            {
                return refused.SocketErrorCode == SocketError.AddressAlreadyInUse
                    ? $"cannot listen on {url}: the port is taken; choose another with --urls"
                    : $"cannot listen on {url}: {refused.Message}";
            }
        }

        return null;
    }

    /// <summary>The host as asked for, since passkeys refuse an IP address where localhost will do, and the port as bound.</summary>
    private static string Spoken(string asked, string bound)
    {
        var port = new Uri(bound.Replace("[::]", "localhost", StringComparison.Ordinal)).Port;
        var readable = asked.Replace("//*", "//localhost", StringComparison.Ordinal).Replace("//+", "//localhost", StringComparison.Ordinal)
            .Replace("//0.0.0.0", "//localhost", StringComparison.Ordinal).Replace("//[::]", "//localhost", StringComparison.Ordinal);
        return new UriBuilder(readable) { Port = port }.Uri.GetLeftPart(UriPartial.Authority);
    }
}
