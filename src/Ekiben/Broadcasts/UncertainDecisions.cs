using Ekiben.Accounts;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>
/// What a person decides about recipients of whom nobody knows whether they have the message (ledger.md rule 14): send it once more, or treat it as sent.
/// The first opens the one second try there is, which the run then claims like any row; the second is a note and changes no state.
/// </summary>
internal sealed class UncertainDecisions(Database database, InstanceKey instanceKey, SendingRequirements requirements, EngineSignal signal, TimeProvider clock)
{
    /// <summary>
    /// Opens the second try. A broadcast that is over goes on for these rows alone and closes again by the same sums; one that is stopped must be resumed
    /// first, and a canceled one sends nothing any more.
    /// </summary>
    /// <param name="site">Whose.</param>
    /// <param name="id">Which broadcast.</param>
    /// <param name="who">Whom.</param>
    /// <param name="actor">Who decides; needs the right to approve.</param>
    /// <param name="cancel">Gives up before anything is written.</param>
    public Task<UncertainDecision> SendAgainAsync(SiteId site, BroadcastId id, UncertainWho who, Actor actor, CancellationToken cancel) =>
        DecideAsync(site, id, who, actor, cancel, async (db, broadcast, address, row) =>
        {
            if (broadcast.FrozenAt is null || broadcast.Status is not (BroadcastStatus.Sending or BroadcastStatus.Sent))
            {
                return Refused("not_now", broadcast.Status switch
                {
                    BroadcastStatus.Paused or BroadcastStatus.Held => $"The broadcast is {broadcast.Status.Word()}: resume it first, then send it again.",
                    BroadcastStatus.Canceled => "The broadcast was canceled: nothing of it is sent any more.",
                    _ => "Nothing of the broadcast has been sent yet.",
                });
            }

            if (row is { MayBeSentAgain: false } other)
            {
                return other switch
                {
                    { State: not RecipientState.Uncertain } => NotUncertain(other),
                    { Resent: 1 } => Refused("tried_twice", "The message was sent a second time already, and there is no third."),
                    { Resent: 0 } => Refused("second_try_open", "It is sent once more by itself; nothing needs to be done."),
                    _ => Refused("suppressed", "The person is unsubscribed, suppressed or deleted, and gets no mail."),
                };
            }

            if (requirements.WhatIsMissing(await db.Sites.AsNoTracking().SingleAsync(s => s.Id == site, cancel)) is { } missing)
            {
                return Refused("cannot_send", missing);
            }

            var opened = await UncertainRows.OpenAsync(db, id, address, actor.Name, clock.GetUtcNow(), cancel);
            if (opened > 0 && broadcast.Status is BroadcastStatus.Sent)
            {
                (broadcast.Status, broadcast.FinishedAt) = (BroadcastStatus.Sending, null);
            }

            return opened > 0 ? new UncertainDecision(ActionResult.Ok, opened) : Refused("nobody", "There is nobody to send it to again: no uncertain message may have its second try.");
        });

    /// <summary>Notes that the message is taken for sent. Nothing moves, and nothing keeps a person from sending it again after all.</summary>
    /// <inheritdoc cref="SendAgainAsync"/>
    public Task<UncertainDecision> TreatAsSentAsync(SiteId site, BroadcastId id, UncertainWho who, Actor actor, CancellationToken cancel) =>
        DecideAsync(site, id, who, actor, cancel, async (db, _, address, row) =>
        {
            if (row is { MayBeTreatedAsSent: false } other)
            {
                return other.State is not RecipientState.Uncertain ? NotUncertain(other) : Refused("second_try_open", "It is sent once more by itself; nothing needs to be done.");
            }

            var noted = await UncertainRows.TreatAsSentAsync(db, id, address, actor.Name, clock.GetUtcNow(), cancel);
            return noted > 0 ? new UncertainDecision(ActionResult.Ok, noted) : Refused("nobody", "There is nobody of whom that is not noted already.");
        });

    /// <summary>How many a decision about all would be about. The caller has checked that the broadcast is its site's.</summary>
    public Task<(long MayBeSentAgain, long MayBeTreatedAsSent)> CountAsync(BroadcastId id, CancellationToken cancel) => UncertainRows.CountAsync(database, id, cancel);

    private async Task<UncertainDecision> DecideAsync(
        SiteId site, BroadcastId id, UncertainWho who, Actor actor, CancellationToken cancel, Func<Db, Broadcast, AddressId?, UncertainRow?, Task<UncertainDecision>> decide)
    {
        await using var db = database.Open(site);
        await using var write = await database.BeginWriteAsync(db, cancel);
        if (await db.Broadcasts.FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } broadcast)
        {
            return new UncertainDecision(ActionResult.NotFound, 0);
        }

        if (!actor.MayApprove)
        {
            return Refused("may_not_approve", "Deciding about uncertain messages needs the right to approve.");
        }

        AddressId? address = null;
        UncertainRow? row = null;
        if (who.Email is { } email)
        {
            var hash = EmailAddress.TryParse(email, out var parsed, out _) ? AddressHash.Of(instanceKey, parsed.Normalised) : null;
            address = hash is null ? null : await db.Addresses.Where(a => a.Hash == hash).Select(a => (AddressId?)a.Id).FirstOrDefaultAsync(cancel);
            row = address is { } known ? await UncertainRows.FindAsync(db, id, known, cancel) : null;
            if (row is null)
            {
                return Refused("no_recipient", $"{email} is no recipient of this broadcast.");
            }
        }

        var decision = await decide(db, broadcast, address, row);
        if (!decision.Result.Done)
        {
            return decision;
        }

        if (who.Expected is { } expected && expected != decision.Recipients)
        {
            return Refused("changed_meanwhile", $"It would be {Wording.People(decision.Recipients)} now and not {Wording.Number(expected)}: look again, then decide.");
        }

        // A version too: a run that is on its way sees by it that there are rows to look for again.
        var (now, next) = (clock.GetUtcNow(), broadcast.UpdatedAt.AddMilliseconds(1));
        broadcast.UpdatedAt = now > next ? now : next;
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        signal.Wake();
        return decision;
    }

    private static UncertainDecision NotUncertain(UncertainRow row) =>
        Refused("not_uncertain", $"Only an uncertain message can be decided about; this one is {Words.SnakeCase(row.State.ToString()).Replace('_', ' ')}.");

    private static UncertainDecision Refused(string code, string problem) => new(ActionResult.Refused(code, problem), 0);
}

/// <summary>About whom a decision is: one address, or everybody it can be about.</summary>
/// <param name="Email">Null = everybody.</param>
/// <param name="Expected">How many the person was shown; another number by now is refused. Null = however many.</param>
internal sealed record UncertainWho(string? Email, long? Expected = null);

/// <summary>What came of it, and for how many.</summary>
internal sealed record UncertainDecision(ActionResult Result, long Recipients);
