using System.Diagnostics;
using Ekiben.Commands;

namespace Ekiben;

/// <summary>A moment at which a crash would be hardest to survive; its name on the outside is in kebab case.</summary>
internal enum Failpoint
{
    // Of the ledger's transactions: everything is written but not committed, or committed and nobody knows yet.
    BeforeFreezeBeginCommit,
    AfterFreezeBeginCommit,
    BeforeFreezeRangeCommit,
    AfterFreezeRangeCommit,
    BeforeFreezeCompleteCommit,
    AfterFreezeCompleteCommit,
    BeforeTakeShardsCommit,
    AfterTakeShardsCommit,
    BeforeClaimCommit,
    AfterClaimCommit,
    BeforeOutcomeCommit,
    AfterOutcomeCommit,
    BeforeRecoverCommit,
    AfterRecoverCommit,
    BeforeCancelShardCommit,
    AfterCancelShardCommit,
    BeforeCloseCommit,
    AfterCloseCommit,

    // Of the conversation with the relay.
    BeforeMail,
    DataWritten,
    DataAllowed,
    BodyBlockWritten,
    DotWritten,
    ReplyRead,
}

/// <summary>
/// Ends this process as kill -9 does, at the N-th passing of one named moment: <c>EKIBEN_FAILPOINT=NAME[:N]</c> in the environment of
/// <c>ekiben serve</c>. Off without it. What must hold afterwards is in docs/ledger.md and tried in tests Crash/.
/// </summary>
internal static class Failpoints
{
    private const string Variable = "EKIBEN_FAILPOINT";

    private static Failpoint _point;
    private static int _left;

    /// <summary>Whether a moment is chosen, for those who would have to remember something first.</summary>
    public static bool Armed { get; private set; }

    /// <summary>Reads the variable. Says so on stderr: nobody should wonder why a server vanished.</summary>
    /// <exception cref="CommandFailure">It names no moment.</exception>
    public static void Arm()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } text)
        {
            return;
        }

        (_point, _left) = Parse(text);
        Armed = true;
        Console.Error.WriteLine($"ekiben: warning: {Variable}={text}: this process will kill itself there");
    }

    /// <summary>Reads <c>after-claim-commit</c> or <c>after-claim-commit:7</c>.</summary>
    /// <exception cref="CommandFailure">It is neither.</exception>
    public static (Failpoint Point, int Hits) Parse(string text)
    {
        var parts = text.Split(':', 2);
        var hits = 1;
        var known = Enum.GetValues<Failpoint>().Where(point => NameOf(point) == parts[0]).ToList();
        return known is [var point] && (parts.Length == 1 || (int.TryParse(parts[1], out hits) && hits > 0))
            ? (point, hits)
            : throw CommandFailure.Usage($"{Variable}={text}: write NAME or NAME:N, where NAME is one of {string.Join(", ", Enum.GetValues<Failpoint>().Select(NameOf))}");
    }

    public static string NameOf(Failpoint point) =>
        string.Concat(point.ToString().Select((letter, at) => char.IsUpper(letter) && at > 0 ? "-" + char.ToLowerInvariant(letter) : $"{char.ToLowerInvariant(letter)}"));

    /// <summary>This moment is passed. It may be the last thing that happens.</summary>
    public static void Hit(Failpoint point)
    {
        if (Armed && point == _point && Interlocked.Decrement(ref _left) == 0)
        {
            using var self = Process.GetCurrentProcess();
            self.Kill();
            // The signal is on its way: this thread must not get one step further.
            using var never = new ManualResetEventSlim();
            never.Wait();
        }
    }
}
