using System.Text.Json;
using Ekiben.Delivery;
using Ekiben.Domains;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Web;

namespace Ekiben.Mails;

/// <summary>The content of mails ready to be made into messages, for one kind: transactional or not. Thread-safe.</summary>
internal sealed class CompiledMail(CompiledMessage message, MailContent content, Site site, MessageIds messageIds, PublicLinks links, MessageSigner? signer, ComposePace pace)
{
    private const int FeedbackSender = 12;

    private static readonly Dictionary<string, JsonElement> NoFields = [];

    private readonly string _domain = MessageIds.Domain(content.FromEmail);

    /// <summary>MAIL FROM.</summary>
    public string EnvelopeSender => content.FromEmail;

    /// <exception cref="CompileException">The content cannot be compiled.</exception>
    public static void Check(ContentDraft draft, Site site, bool isTransactional) => CompiledMessage.Compile(SourceOf(draft.ToRow(site.Id), site, isTransactional));

    /// <exception cref="CompileException">The content cannot be compiled.</exception>
    public static CompiledMessage Compile(MailContent content, Site site, bool isTransactional) => CompiledMessage.Compile(SourceOf(content, site, isTransactional));

    /// <summary>Makes the mail's message, see <see cref="CompiledBroadcast.Compose"/>.</summary>
    /// <exception cref="RenderException">It cannot be made; one sentence.</exception>
    public void Compose(Candidate candidate, DateTimeOffset date, MessageBuffer buffer, out TimeSpan wait)
    {
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

    /// <exception cref="RenderException">It cannot be made; one sentence.</exception>
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
            Fields = candidate.Fields == "{}" ? NoFields : Read(candidate.Fields),
            Tags = candidate.Tags,
            Personalizations = candidate.Mail?.Personalizations is { } given ? Read(given) : null,
        };
    }

    private static Dictionary<string, JsonElement> Read(string json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json) ?? [];

    private MessageIdentity IdentityOf(Candidate candidate, DateTimeOffset date) => new()
    {
        MessageId = messageIds.Of(candidate.Shard.Broadcast, candidate.Address, _domain),
        EnvelopeSender = content.FromEmail,
        Date = candidate.FirstAt ?? date,
        UnsubscribeUrl = links.Unsubscribe(candidate.Shard.Broadcast, candidate.Subscriber).AbsoluteUri,
        // The clock of its templates is when it was asked for, so that a second attempt reads the same.
        RenderClock = candidate.Mail?.CreatedAt ?? date,
        FeedbackId = $"{candidate.Shard.Broadcast}:mail:ekiben:{site.Uuid[..FeedbackSender]}",
        Copies = candidate.Mail?.VisibleCopies,
    };

    private static MessageSource SourceOf(MailContent content, Site site, bool isTransactional) => new()
    {
        Subject = content.Subject,
        PreviewText = content.PreviewText,
        Content = content.Content,
        Style = content.Type switch
        {
            "plain" => MessageStyle.Plain,
            "markdown" => MessageStyle.Markdown,
            _ => MessageStyle.Html,
        },
        FromEmail = content.FromEmail,
        FromName = content.FromName,
        SiteName = site.Name,
        SiteId = site.Uuid,
        FooterHtml = site.FooterHtml,
        // Templates that say "broadcast" find it without a name.
        Broadcast = new BroadcastFacts("", "", DateTimeOffset.UnixEpoch),
        TimeZone = TimeZoneInfo.TryFindSystemTimeZoneById(site.TimeZone, out var zone) ? zone : TimeZoneInfo.Utc,
        IsTransactional = isTransactional,
    };
}
