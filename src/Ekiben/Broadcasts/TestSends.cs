using Ekiben.Accounts;
using Ekiben.Delivery;
using Ekiben.Domains;
using Ekiben.Mail;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>What became of a test at one address.</summary>
/// <param name="Address">As it was typed.</param>
/// <param name="Accepted">The relay took it.</param>
/// <param name="Sentence">What the relay said, or why there was nothing to say.</param>
internal sealed record TestSendResult(string Address, bool Accepted, string Sentence);

/// <summary>
/// Sends a broadcast to typed addresses as one real person would get it: the same compiler, the same bytes path, the site's own relay.
/// Nothing of it is in the ledger or a statistic, and its links are nobody's.
/// </summary>
internal sealed class TestSends(Database database, MessageComposer composer, RelayPools relays, SendingRequirements requirements, DomainSigning signing, TimeProvider clock)
{
    /// <summary>A test is for the people around a desk; more is a mailing without an approval.</summary>
    public const int MaxAddresses = 10;

    /// <summary>Tests an hour and site: or a test would be a way to mail without an approval.</summary>
    private const int MaxAnHour = 30;

    /// <summary>Stands before the subject, so that nobody takes a test for the real thing.</summary>
    public const string Mark = "[Test] ";

    private const string SentAction = "test.sent";

    /// <summary>How long a relay may take for one test before the page says so.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>The addresses in a text with commas, semicolons, blanks or lines between.</summary>
    public static IReadOnlyList<string> Addresses(string text) =>
        [.. text.Split([',', ';', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct(StringComparer.OrdinalIgnoreCase)];

    /// <param name="site">Whose.</param>
    /// <param name="id">Which broadcast, in whatever state.</param>
    /// <param name="person">As whom it is made.</param>
    /// <param name="addresses">To whom it goes.</param>
    /// <param name="actor">Who sends; for the audit log.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>A result for each address, or the sentence why none was tried.</returns>
    public async Task<(IReadOnlyList<TestSendResult> Results, string? Problem)> SendAsync(
        SiteId site, BroadcastId id, SubscriberId person, IReadOnlyList<string> addresses, Actor actor, CancellationToken cancel)
    {
        if (addresses.Count is 0 or > MaxAddresses)
        {
            return ([], addresses.Count == 0 ? "Type at least one address." : $"A test goes to {MaxAddresses} addresses at most.");
        }

        await using var db = database.Open(site);
        if (await db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } broadcast)
        {
            return ([], ActionResult.NotFound.Problem);
        }

        var owner = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == site, cancel);
        if (requirements.WhatIsMissing(owner) is { } missing)
        {
            return ([], missing);
        }

        var hourAgo = clock.GetUtcNow().AddHours(-1);
        if (await db.AuditLog.CountAsync(a => a.SiteId == site && a.Action == SentAction && a.At > hourAgo, cancel) >= MaxAnHour)
        {
            return ([], $"This site sent {MaxAnHour} tests within an hour: try again later.");
        }

        try
        {
            var candidate = await MessageComposer.CandidateAsync(db, broadcast, person, cancel);
            var manifest = Manifest.Of(broadcast, owner, null) with { Subject = Mark + broadcast.Subject, TracksLinks = false };
            var state = await signing.ForAsync(owner, broadcast.FromEmail, broadcast.StartedAt, cancel);
            if (state is SigningState.KeyUnreadable)
            {
                return ([], state.Sentence);
            }

            using var signer = (state as SigningState.Signed)?.OpenSigner();
            var compiled = composer.Compile(manifest, broadcast.StartedAt ?? clock.GetUtcNow(), signer);
            await AuditAsync(db, broadcast, actor, addresses.Count, cancel);
            var turns = new RelayTurns(relays.For(owner), clock);
            var results = new List<TestSendResult>();
            foreach (var address in addresses)
            {
                results.Add(await SendOneAsync(compiled, candidate, turns, address, cancel));
            }

            return (results, null);
        }
        catch (CompileException error)
        {
            return ([], $"The {error.Field.Replace('_', ' ')} cannot be used: {error.Message}");
        }
        catch (RenderException error)
        {
            return ([], $"The message cannot be made for this person: {error.Message}");
        }
    }

    private async Task<TestSendResult> SendOneAsync(CompiledBroadcast compiled, Candidate candidate, RelayTurns turns, string typed, CancellationToken cancel)
    {
        if (!EmailAddress.TryParse(typed, out var address, out var error))
        {
            return new TestSendResult(typed, false, error!);
        }

        var buffer = new MessageBuffer();
        compiled.ComposeTest(candidate, address, clock.GetUtcNow(), buffer);
        var message = new OutgoingMessage(candidate.Shard.Site, compiled.EnvelopeSender, address.Mailbox, buffer.Bytes);
        using var patience = new CancellationTokenSource(Patience, clock);

        // Where a relay cannot be reached, the site's next is asked, as a broadcast does.
        while (turns.Next() is { } turn)
        {
            try
            {
                if (await TryAsync(turns, turn, typed, message, patience, cancel) is { } result)
                {
                    return result;
                }
            }
            finally
            {
                turns.End(turn);
            }
        }

        return new TestSendResult(typed, false, $"{turns.Rest()?.Reason}.");
    }

    /// <summary>Null where another relay may take it.</summary>
    private static async Task<TestSendResult?> TryAsync(
        RelayTurns turns, RelayTurn turn, string typed, OutgoingMessage message, CancellationTokenSource patience, CancellationToken cancel)
    {
        using var abort = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        RelayPool.RelaySlot slot;
        try
        {
            slot = await turn.Route.Pool.RentAsync(abort.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            return new TestSendResult(typed, false, "Every connection to the relay is busy: try again in a minute.");
        }

        try
        {
            var connection = await slot.ConnectAsync(abort.Token);
            connection.Begin(message);
            await connection.PrepareAsync(abort.Token);
            return Result(typed, await connection.CompleteAsync(abort.Token));
        }
        catch (RelayUnavailableException unavailable)
        {
            var refused = turns.Failed(turn.Route, unavailable.Message, unavailable.IsPermanent);
            return refused is null && turns.HasOthers ? null : new TestSendResult(typed, false, refused ?? unavailable.Message);
        }
        catch (OperationCanceledException)
        {
            // Whatever it was in the middle of, nobody else may go on with it.
            await slot.CloseAsync();
            if (!patience.IsCancellationRequested)
            {
                throw;
            }

            return new TestSendResult(typed, false, "The relay did not answer within a minute.");
        }
        finally
        {
            slot.Return();
        }
    }

    private static TestSendResult Result(string typed, DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Accepted accepted => new TestSendResult(typed, true, $"The relay took it: {accepted.Reply}"),
        DeliveryOutcome.Deferred deferred => new TestSendResult(typed, false, $"The relay said later, and a test is not tried again: {deferred.Reply}"),
        DeliveryOutcome.Refused refused => new TestSendResult(typed, false, $"The relay refused it: {refused.Reply}"),
        DeliveryOutcome.Uncertain => new TestSendResult(typed, false, "The connection broke at the end: it may have arrived."),
        _ => new TestSendResult(typed, false, "The connection broke before the message had left: it was not sent."),
    };

    private async Task AuditAsync(Db db, Broadcast broadcast, Actor actor, int count, CancellationToken cancel)
    {
        await using var write = await database.BeginWriteAsync(db, cancel);
        db.AuditLog.Add(new AuditEntry
        {
            SiteId = broadcast.SiteId,
            Actor = actor.Name,
            Action = SentAction,
            Subject = $"broadcast:{broadcast.Id}",
            Detail = $"{count} addresses",
            At = clock.GetUtcNow(),
        });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
    }
}
