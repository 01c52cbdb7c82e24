using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Mails;

/// <summary>
/// A mail to one person: what a program asked for, or a step of a sequence. Its state is a row of the ledger under the site's stream
/// (<see cref="Broadcasts.Broadcast.IsStream"/>), whose address id is this id (ledger.md rule 25).
/// </summary>
internal sealed class SingleMail : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>Whose mailbox; kept when the person's e-mail changes.</summary>
    public AddressId AddressId { get; set; }

    public SubscriberId SubscriberId { get; set; }

    /// <summary>Null when it was erased with its person.</summary>
    public long? ContentId { get; set; }

    /// <summary>JSON object: variables of its templates. Null = none, or erased.</summary>
    public string? Personalizations { get; set; }

    /// <summary>The step of a sequence that it is: once for a person. Null = a program asked for it.</summary>
    public long? StepId { get; set; }

    /// <summary>Goes to people who unsubscribed too; never to suppressed addresses.</summary>
    public bool IsTransactional { get; set; }

    /// <summary>Bare addresses with commas between; null = none.</summary>
    public string? Cc { get; set; }

    public string? Bcc { get; set; }

    /// <summary><c>key:NAME</c>, or the sequence.</summary>
    public required string CreatedBy { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>What mails say before their variables are filled in: kept once however many there are, and never changed.</summary>
internal sealed class MailContent : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>SHA-256 of everything below.</summary>
    public required byte[] Digest { get; set; }

    public required string FromEmail { get; set; }

    public required string FromName { get; set; }

    /// <summary>Liquid, one line.</summary>
    public required string Subject { get; set; }

    /// <summary>Liquid; null = none.</summary>
    public string? PreviewText { get; set; }

    /// <summary>Liquid in the language of <see cref="Type"/>.</summary>
    public required string Content { get; set; }

    /// <summary><c>plain</c>, <c>raw</c> or <c>markdown</c>.</summary>
    public required string Type { get; set; }
}
