using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>Which server that others wrote.</summary>
public enum PeerKind
{
    Postfix,
    Exim,
}

/// <summary>Debian's packages as <c>./test</c> unpacks them into <c>tests/.peers</c>. Nothing of them is installed, and the machine's own mail is not touched.</summary>
internal static class PeerFiles
{
    public static string Root { get; } = Path.Combine(Repository(), "tests/.peers");

    /// <summary>Skips the test with its reason; where <c>EKIBEN_REQUIRE_PEERS</c> is set, as in the CI, that is a failure.</summary>
    /// <param name="program">What is needed, below <see cref="Root"/>.</param>
    /// <param name="wantsRoot">It gives its processes users of their own.</param>
    public static void Require(string program, bool wantsRoot)
    {
        var reason = !File.Exists(Path.Combine(Root, program)) ? $"tests/.peers has no {program}: run ./test once"
            : wantsRoot && !Environment.IsPrivilegedProcess ? $"{program} wants root"
            : null;
        if (reason is not null && Environment.GetEnvironmentVariable("EKIBEN_REQUIRE_PEERS") is { Length: > 0 })
        {
            Assert.Fail(reason);
        }

        Assert.SkipWhen(reason is not null, reason ?? "");
    }

    /// <summary>A program of the packages, with their libraries where the machine has none.</summary>
    /// <param name="path">Below <see cref="Root"/>.</param>
    /// <param name="arguments">For it.</param>
    public static ProcessStartInfo Program(string path, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(Root, path), arguments);
        start.Environment["LD_LIBRARY_PATH"] = $"{Path.Combine(Root, "usr/lib/postfix")}:{Path.Combine(Root, "libraries")}";
        return start;
    }

    /// <summary>Free now; whoever takes it in between makes the server end at its start, and it is started again with another.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ekiben.slnx")))
        {
            folder = folder.Parent;
        }

        return folder!.FullName;
    }
}
