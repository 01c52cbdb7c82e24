using System.Security.Cryptography;
using System.Text.Json;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Mails;

/// <summary>A mail that is to be stored: to whom, and what it says.</summary>
/// <param name="Address">To whom.</param>
/// <param name="Hash">Of the address, see <see cref="Subscribers.AddressHash"/>.</param>
/// <param name="Content">What it says; not stored yet.</param>
internal sealed record MailDraft(EmailAddress Address, byte[] Hash, ContentDraft Content)
{
    /// <summary>JSON object; null = none.</summary>
    public string? Personalizations { get; init; }

    public bool IsTransactional { get; init; }

    /// <summary>Bare addresses with commas between; null = none.</summary>
    public string? Cc { get; init; }

    public string? Bcc { get; init; }
}

/// <summary>What a mail is to say, see <see cref="MailContent"/>.</summary>
internal sealed record ContentDraft(string FromEmail, string FromName, string Subject, string? PreviewText, string Content, string Type)
{
    /// <summary>The same for the same text, whoever asks.</summary>
    public byte[] Digest { get; } = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes((string?[])[FromEmail, FromName, Subject, PreviewText, Content, Type]));

    /// <summary>Null when it compiles, else one sentence with the place of the fault.</summary>
    public string? Fault(Site site, bool isTransactional)
    {
        try
        {
            CompiledMail.Check(this, site, isTransactional);
            return null;
        }
        catch (CompileException wrong)
        {
            return wrong.Line == 0
                ? $"{wrong.Field}: {wrong.Message}"
                : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{wrong.Field}, line {wrong.Line}, column {wrong.Column}: {wrong.Message}");
        }
    }

    public MailContent ToRow(SiteId site) => new()
    {
        SiteId = site,
        Digest = Digest,
        FromEmail = FromEmail,
        FromName = FromName,
        Subject = Subject,
        PreviewText = PreviewText,
        Content = Content,
        Type = Type,
    };
}
