using System.Diagnostics;
using System.Globalization;

namespace Ekiben.Commands;

/// <summary>What of ours <c>bench</c> measures.</summary>
internal enum BenchVariant
{
    /// <summary>Rows are read and messages sent; nothing is claimed or recorded.</summary>
    NoLedger,

    /// <summary>The product's own run.</summary>
    Ledger,

    /// <summary>The same with a DKIM signature (RSA-2048) in every message.</summary>
    Signed,
}

/// <summary>What this machine signs at most: OpenSSL's own measurement of RSA-2048, one process a core.</summary>
internal static class OpenSslSpeed
{
    /// <summary>Seconds of one measurement: as long as a round of some thousand signed messages.</summary>
    private const int Seconds = 3;

    /// <summary>Signatures a second, all cores together.</summary>
    /// <exception cref="CommandFailure">There is no openssl, or it prints something else.</exception>
    public static async Task<double> SignsPerSecondAsync(CancellationToken cancel)
    {
        var start = new ProcessStartInfo("openssl", ["speed", "-seconds", Text(Seconds), "-multi", Text(Environment.ProcessorCount), "rsa2048"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var openssl = StartOrFail(start);
        // Its progress would fill the pipe otherwise.
        var (output, progress) = (openssl.StandardOutput.ReadToEndAsync(cancel), openssl.StandardError.ReadToEndAsync(cancel));
        try
        {
            await openssl.WaitForExitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            openssl.Kill(entireProcessTree: true);
            throw;
        }

        await progress;
        return Read(await output);
    }

    /// <summary>"rsa 2048 bits 0.000676s 0.000049s 1479.3 20546.6": seconds of each operation, then how many of each a second, signing first.</summary>
    internal static double Read(string output)
    {
        var fields = output.Split('\n').LastOrDefault(line => line.StartsWith("rsa", StringComparison.Ordinal) && line.Contains(" 2048 bits", StringComparison.Ordinal))?.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var rate = fields?.Skip(3).FirstOrDefault(field => !field.EndsWith('s'));
        return double.TryParse(rate, CultureInfo.InvariantCulture, out var signs) && signs > 0
            ? signs
            : throw new CommandFailure("openssl speed printed something else than rates of rsa 2048 bits");
    }

    private static Process StartOrFail(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new CommandFailure("openssl cannot be started");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new CommandFailure("the signed variant of bench is compared with 'openssl speed': install openssl");
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
