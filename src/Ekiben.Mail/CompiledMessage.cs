using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Ekiben.Liquid;
using Ekiben.Mail.Markup;

namespace Ekiben.Mail;

/// <summary>
/// A broadcast's content, compiled once and composed for each recipient. Immutable and thread-safe. Compiling checks every field, puts the
/// page together, derives the text part and encodes all that is the same for everybody; composing renders what differs and writes the
/// message (RFC 5322, MIME multipart/alternative). Nothing here reads a database or a socket, and a clock only to end what takes too long: the same source, person and identity
/// give the same bytes.
/// </summary>
public sealed class CompiledMessage
{
    /// <summary>Characters of a rendered subject (longer ones are cut by every client, and encoded-words grow).</summary>
    public const int MaxSubject = 255;

    /// <summary>Octets of the unsubscribe URL, so that its header line stays under 998.</summary>
    public const int MaxUrl = 900;

    /// <summary>Characters of one source field.</summary>
    public const int MaxField = 1024 * 1024;

    private static readonly SearchValues<char> NotInId = SearchValues.Create([.. Enumerable.Range(0, 33).Select(c => (char)c), '<', '>', '\x7f']);

    private readonly MessageSource _source;
    private readonly Template _subject;
    private readonly Template? _previewText;
    private readonly PartTemplate _html;
    private readonly PartTemplate _text;
    private readonly MessagePage _page;
    private readonly bool _textHasLink;
    private readonly byte[] _from;
    private readonly byte[] _listId;
    private readonly byte[] _contentType;
    private readonly byte[] _textHead;
    private readonly byte[] _htmlHead;
    private readonly byte[] _end;
    private readonly ulong _seed;

    private CompiledMessage(MessageSource source)
    {
        _source = source;

        // 1. Every field on its own, so that an error has its line and column in what the author wrote.
        _subject = Field("subject", source.Subject, new ConstantPlace(Place.Header));
        if (string.IsNullOrWhiteSpace(source.Subject)) throw new CompileException("subject", 0, 0, "The subject is empty.");
        _previewText = string.IsNullOrWhiteSpace(source.PreviewText) ? null : Field("preview_text", source.PreviewText, new ConstantPlace(Place.PlainText));
        Field("content", source.Content);
        if (source.Layout is not null) Field("layout", source.Layout);
        if (source.FooterHtml is not null) Field("footer", source.FooterHtml);

        // 2. The page: content, style or layout, footer, preheader.
        _page = MessagePage.Assemble(source);
        var page = _page.Pieces;

        // 3. Tracking, where the site has it.
        if (source.Tracking is { } tracking)
        {
            (page, Links) = TrackedLinks.In(page, tracking.SignTarget is not null);
            if (tracking.Pixel)
                page = Page.With(page, [], [Piece.Literal("<img src=\""), Piece.Output(MessageData.Own + "pixel"), Piece.Literal("\" alt=\"\" width=\"1\" height=\"1\" style=\"display:none;border:0;width:1px;height:1px;\">\n")]);
        }

        // 4. Both parts, encoded.
        var text = TextPart.From(page, Links);
        _textHasLink = source.IsTransactional || MessagePage.AlwaysLinks(text);
        if (!_textHasLink) text.Add(Piece.Mark(LiteralPool.Slot));
        try
        {
            _html = PartTemplate.Html(page);
            _text = PartTemplate.Text(text);
        }
        catch (TemplateException error)
        {
            throw new CompileException("content", 0, 0, $"The content and its layout don't fit together: {error.Message}", error);
        }

        // 5. The headers and boundaries that are the same for everybody.
        (_from, _listId) = Sender(source);
        var boundary = "=_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{source.SiteId}/{source.Broadcast.Id}")).AsSpan(0, 15));
        _contentType = Encoding.ASCII.GetBytes($"Content-Type: multipart/alternative;\r\n boundary=\"{boundary}\"\r\n\r\n");
        _textHead = Encoding.ASCII.GetBytes($"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
        _htmlHead = Encoding.ASCII.GetBytes($"\r\n--{boundary}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
        _end = Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n");
        _seed = Hash(0xcbf29ce484222325, source.Broadcast.Id);
    }

    /// <summary>Literal link targets by the number that stands in a tracked link; empty when tracking is off.</summary>
    public IReadOnlyList<string> Links { get; } = [];

    /// <summary>Compiles a broadcast.</summary>
    /// <exception cref="CompileException">A field can't be used; says which, where and why.</exception>
    public static CompiledMessage Compile(MessageSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new CompiledMessage(source);
    }

    /// <summary>Makes the message for one recipient.</summary>
    /// <param name="person">The recipient.</param>
    /// <param name="identity">What is this message's own.</param>
    /// <param name="into">Where the bytes go; emptied first. After an exception its contents are undefined.</param>
    /// <exception cref="RenderException">This recipient's message can't be made; the sentence is the reason.</exception>
    public void Compose(in Person person, in MessageIdentity identity, MessageBuffer into)
    {
        ArgumentNullException.ThrowIfNull(into);
        Check(identity);
        var subject = Render(person, identity, into);

        var message = into.Message;
        message.Clear();
        message.Bytes(_from);
        if (identity.TestTo is { } tester) HeaderWriter.Mailbox(message, "To"u8, [], tester.Mailbox);
        else WriteTo(person, into);
        if (identity.Copies is { Count: > 0 } copies) HeaderWriter.Mailboxes(message, "Cc"u8, copies);
        HeaderWriter.Unstructured(message, "Subject"u8, subject);
        HeaderWriter.Date(message, identity.Date);
        HeaderWriter.Angled(message, "Message-ID"u8, identity.MessageId);
        message.Bytes("MIME-Version: 1.0\r\n"u8);
        if (!_source.IsTransactional)
        {
            message.Bytes(_listId);
            HeaderWriter.Angled(message, "List-Unsubscribe"u8, identity.UnsubscribeUrl);
            message.Bytes("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"u8);
        }
        if (identity.FeedbackId is { } feedbackId) HeaderWriter.Structured(message, "Feedback-ID"u8, feedbackId);
        if (!_source.IsTransactional) message.Bytes("Precedence: bulk\r\n"u8);
        message.Bytes(_contentType);
        into.HeaderLength = message.Length;

        message.Bytes(_textHead);
        _text.Encode(into.Text.Written, TextSlot(identity, into), message);
        message.Bytes(_htmlHead);
        _html.Encode(into.Html.Written, HtmlSlot(identity, into), message);
        message.Bytes(_end);
        into.NeedsSmtpUtf8 = into.Is8Bit = !Ascii.IsValid(message.Written[..into.HeaderLength]);
    }

    /// <summary>What one recipient would see. Throws as <see cref="Compose"/> does, and for the same reasons.</summary>
    public MessagePreview Preview(in Person person, in MessageIdentity identity)
    {
        var buffer = new MessageBuffer();
        Compose(person, identity, buffer);
        var html = _html.Expand(buffer.Html.Written, HtmlSlot(identity, buffer));
        var text = _text.Expand(buffer.Text.Written, TextSlot(identity, buffer));
        return new MessagePreview(buffer.Subject, html, text, _previewText?.Render(buffer.Data, Options(person, identity, buffer)));
    }

    /// <summary>Renders the parts into the buffer and answers the subject, which stands there too.</summary>
    private ReadOnlySpan<char> Render(in Person person, in MessageIdentity identity, MessageBuffer into)
    {
        into.SubjectText.Clear();
        into.Data.Point(_source, person, identity);
        var options = Options(person, identity, into);
        var part = "subject";
        try
        {
            _subject.Render(into.Data, into.SubjectText, options);
            var subject = Subject(into);
            part = "content";
            _html.Render(into.Data, options, into.Html);
            part = "text part";
            _text.Render(into.Data, options, into.Text);
            return subject;
        }
        catch (TemplateException error)
        {
            throw new RenderException($"The {part} can't be rendered: {error.Message}", error);
        }
    }

    private static ReadOnlySpan<char> Subject(MessageBuffer into)
    {
        var characters = into.Characters(into.SubjectText.Length);
        var subject = characters[..Encoding.UTF8.GetChars(into.SubjectText.Written, characters)].Trim();
        if (subject.Length == 0) throw new RenderException("The subject is empty after rendering.");
        var length = 0;
        foreach (var rune in subject.EnumerateRunes())
        {
            if (Rune.IsControl(rune)) throw new RenderException("The subject contains a line break or another control character.");
            if (++length > MaxSubject) throw new RenderException("The subject is longer than 255 characters.");
        }
        into.SubjectText.Clear();
        into.SubjectText.Text(subject);
        return subject;
    }

    private RenderOptions Options(in Person person, in MessageIdentity identity, MessageBuffer into) => new()
    {
        Now = identity.RenderClock,
        TimeZone = _source.TimeZone,
        Seed = Hash(_seed, person.Address.Normalised),
        Escape = into.Escaper,
        Clock = _source.Clock,
    };

    private void WriteTo(in Person person, MessageBuffer into)
    {
        // The name is a courtesy: one that no person bears is left out rather than made a reason to fail.
        const int maxName = 200;
        var first = person.FirstName.AsSpan().Trim(' ');
        var last = person.LastName.AsSpan().Trim(' ');
        var name = new DefaultName(first, last);
        if (name.Length > maxName) name = default;
        // A name that is an address ("ceo@bank.example" <mallory@…>) is what phishing looks like.
        Span<char> characters = stackalloc char[maxName];
        name.CopyTo(characters);
        var shown = characters[..name.Length];
        HeaderWriter.Mailbox(into.Message, "To"u8, shown.Contains('@') ? [] : shown, person.Address.Mailbox);
    }

    private readonly ref struct DefaultName(ReadOnlySpan<char> first, ReadOnlySpan<char> last)
    {
        private readonly ReadOnlySpan<char> _first = first;
        private readonly ReadOnlySpan<char> _last = last;

        public int Length => _first.Length + _last.Length + (_first.Length > 0 && _last.Length > 0 ? 1 : 0);

        public void CopyTo(Span<char> target)
        {
            _first.CopyTo(target);
            _last.CopyTo(target[(Length - _last.Length)..]);
            if (Length > _first.Length + _last.Length) target[_first.Length] = ' ';
        }
    }

    /// <summary>
    /// The footer's link, where the content has none that is certain. Certain is only what doesn't depend on a condition, so a rendering
    /// without the URL gets it here: no message leaves without a way out.
    /// </summary>
    private ReadOnlySpan<byte> HtmlSlot(in MessageIdentity identity, MessageBuffer into)
    {
        if (_page.HasLink) return [];
        into.Slot.Clear();
        into.Slot.Bytes(_page.SlotOpen);
        PlaceEscaper.Write(Place.UrlStart, identity.UnsubscribeUrl, into.Slot);
        if (into.Html.Written.IndexOf(into.Slot.Written[_page.SlotOpen.Length..]) >= 0) return [];
        into.Slot.Bytes(_page.SlotClose);
        return into.Slot.Written;
    }

    private ReadOnlySpan<byte> TextSlot(in MessageIdentity identity, MessageBuffer into)
    {
        if (_textHasLink) return [];
        into.Slot.Clear();
        into.Slot.Bytes("\n-- \nUnsubscribe: "u8);
        var start = into.Slot.Length;
        into.Slot.Text(identity.UnsubscribeUrl);
        if (into.Text.Written.IndexOf(into.Slot.Written[start..]) >= 0) return [];
        into.Slot.Byte((byte)'\n');
        return into.Slot.Written;
    }

    private void Check(in MessageIdentity identity)
    {
        var url = identity.UnsubscribeUrl;
        // The usual case is settled by the eye: a Uri costs more than all else here.
        if (!url.StartsWith("https://", StringComparison.Ordinal) && !(Uri.TryCreate(url, UriKind.Absolute, out var other) && other is { Scheme: "http", IsLoopback: true }))
            throw new RenderException("The unsubscribe URL is not https.");
        if (url.AsSpan().IndexOfAny(NotInId) >= 0 || !Ascii.IsValid(url)) throw new RenderException("The unsubscribe URL is not escaped.");
        if (url.Length > MaxUrl) throw new RenderException("The unsubscribe URL is longer than 900 octets.");
        if (!identity.MessageId.Contains('@', StringComparison.Ordinal) || identity.MessageId.AsSpan().IndexOfAny(NotInId) >= 0 || !Ascii.IsValid(identity.MessageId))
            throw new RenderException("The Message-ID is not an id.");
        if (identity.EnvelopeSender.AsSpan().IndexOfAny(NotInId) >= 0) throw new RenderException("The envelope sender is not an address.");
        if (_source.Tracking is not null && identity.TrackingToken is null) throw new RenderException("Tracking is on and the message has no tracking token.");
    }

    private static Template Field(string field, string text, PlaceTracker? places = null)
    {
        if (text.Length > MaxField) throw new CompileException(field, 0, 0, "The field is longer than 1,048,576 characters.");
        var refused = text.AsSpan().IndexOfAny(places is null ? "\0" : field == "subject" ? "\0\r\n" : "\0");
        if (refused >= 0)
        {
            var line = text.AsSpan(0, refused).Count('\n') + 1;
            throw new CompileException(field, line, refused - text.AsSpan(0, refused).LastIndexOf('\n'),
                text[refused] == '\0' ? "The field contains a NUL." : "The subject has more than one line.");
        }
        return Template.TryParse(text, new TemplateOptions { Limits = PartTemplate.Limits, Places = places }, out var template, out var error)
            ? template
            : throw new CompileException(field, error.Line, error.Column, error.Message, error);
    }

    private static (byte[] From, byte[] ListId) Sender(MessageSource source)
    {
        if (!EmailAddress.TryParse(source.FromEmail, out var address, out var error)) throw new CompileException("from", 0, 0, error!);
        if (source.SiteId.Length is 0 or > 63 || !source.SiteId.All(char.IsAsciiLetterOrDigit)) throw new CompileException("site", 0, 0, "The site's id is not 32 hex characters.");
        var field = "from";
        var output = new ByteWriter(16 * 1024, "The header is longer than 16 KiB.");
        try
        {
            HeaderWriter.Mailbox(output, "From"u8, source.FromName.AsSpan().Trim(), address.Mailbox);
            var from = output.Written.ToArray();
            output.Clear();
            field = "site";
            HeaderWriter.Mailbox(output, "List-Id"u8, source.SiteName.AsSpan().Trim(), $"{source.SiteId}.{address.Domain}");
            return (from, output.Written.ToArray());
        }
        catch (RenderException refused)
        {
            throw new CompileException(field, 0, 0, refused.Message, refused);
        }
    }

    /// <summary>FNV-1a over UTF-16 units: stable over processes and versions, which <c>GetHashCode</c> isn't.</summary>
    private static ulong Hash(ulong seed, ReadOnlySpan<char> text)
    {
        foreach (var c in text) seed = (seed ^ c) * 0x100000001b3;
        return seed;
    }

    private sealed class ConstantPlace(int place) : PlaceTracker
    {
        public override int Place => place;
        public override void Text(ReadOnlySpan<char> literal) { }
    }
}
