using System.Text.Json;
using Ekiben.Commands;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Crash;

/// <summary>kill -9 of a real server in the middle of a real send, again and again, as <c>ekiben prove</c> does it for anybody.</summary>
internal static class Proof
{
    public static async Task<ProveResult> RunAsync(int kills, int recipients, string policy, CancellationToken cancel, params string[] more)
    {
        var run = await EkibenProcess.RunAsync(
            cancel, ["prove", "--kills", $"{kills}", "--recipients", $"{recipients}", "--policy", policy, "--json", .. more]);
        var result = JsonSerializer.Deserialize<ProveResult>(run.Succeeded(), CommandOutput.SnakeCase)!;
        Assert.Equal((kills, recipients, policy, 5), (result.Kills, result.Recipients, result.Policy, result.PauseSeconds.Count));
        return result;
    }

    public static void HoldsUnderResend(ProveResult result)
    {
        Assert.Equal((0, 0, true), (result.Lost, result.RepeatedUnnamed, result.Balanced));
        Assert.All(result.UncertainByKill, left => Assert.InRange(left, 0, result.OnTheWireAtMost));
        Assert.InRange(result.Repeated, 0, result.Uncertain);
        // Nobody but whom a kill left on the wire.
        Assert.InRange(result.UncertainEver, 0, result.Uncertain);
        Assert.Equal(result.Recipients, result.Accepted);
    }
}

/// <summary>Policy "resend": a second copy is possible, a loss is not.</summary>
public class When_the_server_is_killed_under_resend
{
    [Fact(Timeout = 600_000)]
    public async Task Nobody_is_lost_and_every_second_copy_was_uncertain_first()
    {
        var result = await Proof.RunAsync(kills: 20, recipients: 5000, policy: "resend", TestContext.Current.CancellationToken);
        Proof.HoldsUnderResend(result);
    }
}

/// <summary>The same on PostgreSQL: the kill cuts a connection, and the next server waits until the database has let go of it.</summary>
[Trait("needs", "postgresql")]
public class When_the_server_is_killed_on_PostgreSQL(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    [Fact(Timeout = 600_000)]
    public async Task Nobody_is_lost_and_every_second_copy_was_uncertain_first()
    {
        var cancel = TestContext.Current.CancellationToken;
        var result = await Proof.RunAsync(kills: 20, recipients: 5000, policy: "resend", cancel, "--database", await postgres.Server.CreateDatabaseAsync(cancel));
        Proof.HoldsUnderResend(result);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_database_with_sites_is_left_alone()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var folder = new TemporaryFolder();
        string[] database = ["--database", await postgres.Server.CreateDatabaseAsync(cancel)];
        (await EkibenProcess.RunAsync(cancel, ["site", "create", "Acme", "--data", folder.Path, .. database])).Succeeded();
        var run = await EkibenProcess.RunAsync(cancel, ["prove", "--kills", "1", "--recipients", "20", .. database]);
        Assert.Contains("there are sites in it", run.FailedWith(1), StringComparison.Ordinal);
    }
}

/// <summary>Policy "hold": a loss is possible and named, a second copy is not.</summary>
public class When_the_server_is_killed_under_hold
{
    [Fact(Timeout = 600_000)]
    public async Task There_is_no_second_copy()
    {
        var result = await Proof.RunAsync(kills: 6, recipients: 1500, policy: "hold", TestContext.Current.CancellationToken);
        Assert.Equal((0, 0), (result.Repeated, result.Lost));
        Assert.Equal((result.Uncertain, 1500 - result.Uncertain), (result.UncertainAtEnd, result.Accepted));
    }
}

/// <summary>The verdict is a function of the figures: each part of the promise, broken alone, breaks it.</summary>
public class Verdict_of_a_proof
{
    private static readonly ProveResult Kept = new()
    {
        Policy = "resend",
        Recipients = 100,
        OnTheWireAtMost = 4,
        Kills = 2,
        Lost = 0,
        Repeated = 3,
        RepeatedUnnamed = 0,
        DifferingMessageIds = 0,
        Unknown = 0,
        UncertainByKill = [4, 2],
        UncertainEver = 6,
        UncertainAtEnd = 0,
        Accepted = 100,
        Balanced = true,
        AgainSeconds = [1.5, 2],
        PauseSeconds = [0.1, 0.9],
        AfterPauseAtMost = 4,
        AnswerSeconds = 0.1,
    };

    [Fact]
    public void Is_kept_when_every_figure_is_within_its_bound() => Assert.True(Kept.PromiseKept);

    [Fact]
    public void Is_broken_by_each_figure_alone()
    {
        ProveResult[] broken =
        [
            Kept with { Lost = 1 },
            Kept with { UncertainByKill = [5, 1] },
            Kept with { Repeated = 7 },
            Kept with { RepeatedUnnamed = 1 },
            Kept with { Policy = "hold" },
            Kept with { DifferingMessageIds = 1 },
            Kept with { Unknown = 1 },
            Kept with { Balanced = false },
            Kept with { Accepted = 99 },
            Kept with { AgainSeconds = [1, 10.5] },
            Kept with { PauseSeconds = [0.1, 1.2] },
            Kept with { AfterPauseAtMost = 5 },
        ];
        Assert.All(broken, result => Assert.Single(result.Broken));
    }
}
