using Ekiben.Broadcasts;
using Ekiben.Events;
using Ekiben.Feedback;
using Ekiben.Storage;
using Ekiben.Suppressions;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>Something that happened to or with a person, in words; <paramref name="Link"/> leads to more.</summary>
internal sealed record Moment(DateTimeOffset At, string Text, string? Link = null);

/// <summary>What is known of a person, the newest first: added, left, suppressed, events, messages with what the relay said of them, opens and clicks.</summary>
internal sealed class SubscriberTimeline(Database database)
{
    private const int MaxEvents = 100;

    /// <summary>Messages of the newest broadcasts; older ones stand in the receipts.</summary>
    private const int MaxBroadcasts = 100;

    /// <summary>The newest mails; older ones stand in their list.</summary>
    private const int MaxMails = 100;

    public async Task<IReadOnlyList<Moment>> ReadAsync(Subscriber person, CancellationToken cancel)
    {
        await using var db = database.Open(person.SiteId);
        var address = await db.Addresses.Where(a => a.Id == person.AddressId).Select(a => a.Normalised).SingleAsync(cancel);
        var moments = new List<Moment> { new(person.CreatedAt, "Added") };
        if (person.UnsubscribedAt is { } left)
        {
            moments.Add(new Moment(left, "Unsubscribed"));
        }

        foreach (var suppression in await db.Suppressions.AsNoTracking().Where(s => s.AddressId == person.AddressId).ToListAsync(cancel))
        {
            moments.Add(new Moment(suppression.CreatedAt, $"Suppressed: {SuppressionWords.Of(suppression.Reason)}{(suppression.Detail is { } detail ? $" ({detail})" : "")}"));
        }

        moments.AddRange((await db.Events.AsNoTracking().Where(e => e.SubscriberId == person.Id).OrderByDescending(e => e.At).Take(MaxEvents).ToListAsync(cancel))
            .Select(e => new Moment(e.At, Words(e))));
        var messages = await db.MessagesOfAsync(person.AddressId, MaxBroadcasts, cancel);
        moments.AddRange(messages.Select(message => new Moment(
            Times.FromStored(message.LastAt) ?? person.CreatedAt, Words(message), $"/broadcasts/{message.BroadcastId}/why?email={Uri.EscapeDataString(address)}")));
        var mails = await MailList.ReadAsync(database, person.SiteId, new MailFilter(Hash: await db.Addresses.Where(a => a.Id == person.AddressId).Select(a => a.Hash).SingleAsync(cancel)), long.MaxValue, MaxMails, cancel);
        moments.AddRange(mails.Select(mail => new Moment(mail.LastAt ?? mail.CreatedAt, Words(mail), $"/mails?q={Uri.EscapeDataString(address)}")));
        var names = messages.ToDictionary(message => new BroadcastId(message.BroadcastId), message => message.Name);
        var ids = names.Keys.ToArray();
        // The index begins with the broadcast and the kind.
        var kinds = Enum.GetValues<ReactionKind>();
        var reactions = await db.Reactions.AsNoTracking().Where(r => ids.Contains(r.BroadcastId) && kinds.Contains(r.Kind) && r.SubscriberId == person.Id).ToListAsync(cancel);
        moments.AddRange(reactions.Select(r => new Moment(
            r.At,
            r.Kind switch
            {
                ReactionKind.Open => $"Opened “{names[r.BroadcastId]}”, or a machine on the way did",
                ReactionKind.Click => $"Followed {r.Url} in “{names[r.BroadcastId]}”",
                _ => $"Unsubscribed by the link of “{names[r.BroadcastId]}”",
            },
            $"/broadcasts/{r.BroadcastId}")));
        return [.. moments.OrderByDescending(moment => moment.At)];
    }

    private static string Words(AddressMessage message)
    {
        var state = Storage.Words.SnakeCase(((RecipientState)message.State).ToString()).Replace('_', ' ');
        return $"“{message.Name}”: {state}{(message.Attempts > 1 ? $" after {message.Attempts} attempts" : "")}{(message.Reply.Length > 0 && message.State != (int)RecipientState.Accepted ? $". The relay said: {message.Reply}" : "")}";
    }

    private static string Words(MailLine mail) =>
        $"Mail “{mail.Subject}”{(mail.Step is { } step ? $", step {step.Number} of {step.SequenceName}" : "")}: {mail.State.Replace('_', ' ')}{(mail.Attempts > 1 ? $" after {mail.Attempts} attempts" : "")}";

    private static string Words(Event happened) => happened.Type switch
    {
        EventTypes.Subscribe => "Subscribed",
        EventTypes.Unsubscribe => "Unsubscribed by an event",
        EventTypes.Tag => "Tagged by an event",
        EventTypes.RemoveTag => "A tag taken away by an event",
        EventTypes.Purchase => $"Bought for {happened.Amount / 100m:0.00} {happened.Currency}",
        EventTypes.Response => "Filled in a form",
        var other => $"Event “{other}”",
    };
}
