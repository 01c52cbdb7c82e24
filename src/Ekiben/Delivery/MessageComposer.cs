using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Domains;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Delivery;

/// <summary>From a manifest to the bytes of one recipient's message. Preview, test send and the real send all come through here.</summary>
internal sealed class MessageComposer(Database database, MessageIds messageIds, PublicLinks links, TimeProvider clock)
{
    /// <summary>Characters of a site's uuid that stand for it in Feedback-ID, whose last part has 5 to 15 (Gmail's rule).</summary>
    private const int FeedbackSender = 12;

    private readonly ComposePace _pace = new(clock);

    /// <summary>Where the messages of all runs are made.</summary>
    public MessagePool Messages { get; } = new();

    /// <summary>
    /// Compiles what was approved. The clock that its templates see is the broadcast's start. No other is given to them: a machine that was asleep
    /// for two seconds in the middle of a rendering must not cost a recipient their message, and steps bound the work.
    /// </summary>
    /// <param name="manifest">What was approved.</param>
    /// <param name="renderClock">The start.</param>
    /// <param name="signer">Signs each message; the caller's to dispose. Null = they leave unsigned.</param>
    /// <exception cref="CompileException">The content cannot be compiled.</exception>
    public CompiledBroadcast Compile(Manifest manifest, DateTimeOffset renderClock, MessageSigner? signer = null) => new(
        CompiledMessage.Compile(SourceOf(manifest) with { Tracking = TrackingOf(manifest) }),
        new BroadcastId(manifest.BroadcastId),
        manifest.FromEmail,
        renderClock,
        messageIds,
        links,
        manifest.TracksLinks,
        $"{manifest.BroadcastId}:broadcast:ekiben:{manifest.SiteUuid[..FeedbackSender]}",
        signer,
        _pace);

    /// <summary>What this subscriber would get, from the live rows and today's data.</summary>
    /// <exception cref="CompileException">The content cannot be compiled.</exception>
    /// <exception cref="RenderException">The message cannot be made for this person.</exception>
    public async Task<MessagePreview> PreviewAsync(Broadcast broadcast, SubscriberId person, CancellationToken cancel)
    {
        await using var db = database.Open(broadcast.SiteId);
        var site = await db.Sites.SingleAsync(s => s.Id == broadcast.SiteId, cancel);
        var candidate = await CandidateAsync(db, broadcast, person, cancel);
        return Compile(Manifest.Of(broadcast, site, null), broadcast.StartedAt ?? clock.GetUtcNow()).Preview(candidate, clock.GetUtcNow());
    }

    /// <summary>A person of the site as a recipient of the broadcast, whether they are one or not.</summary>
    /// <exception cref="RenderException">There is no such person.</exception>
    public static async Task<Candidate> CandidateAsync(Db db, Broadcast broadcast, SubscriberId person, CancellationToken cancel)
    {
        var subscriber = await db.Subscribers.AsNoTracking().Include(s => s.Address).FirstOrDefaultAsync(s => s.Id == person, cancel)
            ?? throw new RenderException("There is no such person.");
        return new Candidate
        {
            Shard = new TakenShard(default, broadcast.Id, broadcast.SiteId, 0, default, default, 0),
            Address = subscriber.AddressId,
            Subscriber = subscriber.Id,
            Attempts = 0,
            FirstAt = null,
            Email = subscriber.Address.Normalised,
            Uuid = subscriber.Uuid,
            FirstName = subscriber.FirstName,
            LastName = subscriber.LastName,
            Fields = subscriber.Fields,
            Tags = await db.TagNamesOfAsync(subscriber.Id, cancel),
        };
    }

    /// <summary>Compiles and throws away: what is wrong with a broadcast is said when it is posted, not when it is sent.</summary>
    /// <exception cref="CompileException">The content cannot be compiled.</exception>
    public static void Check(Broadcast broadcast, Site site) => CompiledMessage.Compile(SourceOf(Manifest.Of(broadcast, site, null)));

    /// <summary>The targets of a broadcast's literal links, by number.</summary>
    public IReadOnlyList<string> LinksOf(Manifest manifest) => Compile(manifest, clock.GetUtcNow()).Links;

    private Tracking? TrackingOf(Manifest manifest) =>
        manifest.TracksLinks ? new Tracking { Base = links.Origin, SignTarget = links.SignTarget } : null;

    private static MessageSource SourceOf(Manifest manifest) => new()
    {
        Subject = manifest.Subject,
        PreviewText = manifest.PreviewText,
        Content = manifest.Content,
        Style = manifest.Type switch
        {
            "markdown" => MessageStyle.Markdown,
            "fancy" or "raw" or "html" or "layout" => MessageStyle.Html,
            _ => MessageStyle.Plain,
        },
        Layout = manifest.LayoutHtml,
        FromEmail = manifest.FromEmail,
        FromName = manifest.FromName,
        SiteName = manifest.SiteName,
        SiteId = manifest.SiteUuid,
        FooterHtml = manifest.FooterHtml,
        Broadcast = new BroadcastFacts(
            new BroadcastId(manifest.BroadcastId).ToString(), manifest.Name, Times.FromStored(manifest.CreatedAt)),
        TimeZone = TimeZoneInfo.TryFindSystemTimeZoneById(manifest.TimeZone, out var zone) ? zone : TimeZoneInfo.Utc,
    };
}

/// <summary>A broadcast ready to be made into messages; thread-safe.</summary>
internal sealed class CompiledBroadcast(
    CompiledMessage message, BroadcastId broadcast, string fromEmail, DateTimeOffset renderClock, MessageIds messageIds, PublicLinks links,
    bool tracks, string feedbackId, MessageSigner? signer, ComposePace pace) : IMessageMaker
{
    public Task<string?> PrepareAsync(IReadOnlyList<Candidate> page, CancellationToken cancel) => Task.FromResult<string?>(null);

    public OutgoingMessage Envelope(Candidate candidate, ReadOnlyMemory<byte> bytes) => new(candidate.Shard.Site, EnvelopeSender, candidate.Email, bytes);

    /// <summary>The targets of its literal links, by number; none when links are not tracked.</summary>
    public IReadOnlyList<string> Links => message.Links;

    private readonly string _domain = MessageIds.Domain(fromEmail);
    private readonly string _unsubscribeBase = links.UnsubscribeBase;

    /// <summary>MAIL FROM of every message of this broadcast.</summary>
    public string EnvelopeSender => fromEmail;

    /// <summary>Makes the candidate's message into <paramref name="buffer"/>.</summary>
    /// <param name="candidate">Whose.</param>
    /// <param name="date">Now; a candidate that was attempted before keeps its first date.</param>
    /// <param name="buffer">Where to.</param>
    /// <param name="wait">How long to wait before the next is made, because this one was costly; zero as a rule. Also when it throws.</param>
    /// <exception cref="RenderException">It cannot be made; one sentence.</exception>
    public void Compose(Candidate candidate, DateTimeOffset date, MessageBuffer buffer, out TimeSpan wait)
    {
        // On one thread from here to there, so all that is counted was created for this message.
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            message.Compose(PersonOf(candidate), IdentityOf(candidate, date), buffer);
            signer?.Sign(buffer);
        }
        finally
        {
            wait = pace.Pay(GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    /// <summary>
    /// The candidate's message for somebody who tries it out: in To stands the tester, its Message-ID is its own, and its links are nobody's,
    /// so that a click in a test takes nobody off the list and is in no figure.
    /// </summary>
    /// <exception cref="RenderException">It cannot be made; one sentence.</exception>
    public void ComposeTest(Candidate candidate, EmailAddress tester, DateTimeOffset date, MessageBuffer buffer)
    {
        var identity = IdentityOf(candidate, date) with
        {
            MessageId = $"test.{Guid.CreateVersion7(date):N}@{_domain}",
            UnsubscribeUrl = links.Unsubscribe(_unsubscribeBase, broadcast, default),
            TestTo = tester,
        };
        message.Compose(PersonOf(candidate), identity, buffer);
        signer?.Sign(buffer);
    }

    public MessagePreview Preview(Candidate candidate, DateTimeOffset date) => message.Preview(PersonOf(candidate), IdentityOf(candidate, date));

    private static Person PersonOf(Candidate candidate)
    {
        if (!EmailAddress.TryParse(candidate.Email, out var address, out var error))
        {
            throw new RenderException(candidate.Email.Length == 0 ? "The person was deleted." : error!);
        }

        return new Person
        {
            Address = address,
            Uuid = candidate.Uuid,
            FirstName = candidate.FirstName,
            LastName = candidate.LastName,
            Fields = candidate.Fields == Candidate.NoFields ? null : JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(candidate.Fields),
            Tags = candidate.Tags,
        };
    }

    private MessageIdentity IdentityOf(Candidate candidate, DateTimeOffset date) => new()
    {
        MessageId = messageIds.Of(broadcast, candidate.Address, _domain),
        EnvelopeSender = fromEmail,
        Date = candidate.FirstAt ?? date,
        UnsubscribeUrl = links.Unsubscribe(_unsubscribeBase, broadcast, candidate.Subscriber),
        TrackingToken = tracks ? links.TrackingToken(broadcast, candidate.Subscriber) : null,
        RenderClock = renderClock,
        FeedbackId = feedbackId,
    };
}
