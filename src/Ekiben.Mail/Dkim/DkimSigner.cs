using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Ekiben.Mail.Dkim;

/// <summary>
/// Signs messages for one domain: relaxed/relaxed (RFC 6376), rsa-sha256 (RFC 8301) and, where a second key is given, ed25519-sha256 (RFC 8463)
/// for receivers that know it. Signing is the last step of making a message and writes the signatures before it. The same message gives the
/// same octets: there is no <c>t=</c>, and neither algorithm has anything random here. There is no <c>l=</c> either: with it, anybody could
/// add to what was signed (RFC 6376 §8.2). Costs no memory once its buffers have grown. Not thread-safe: one a sender. It owns the keys.
/// </summary>
public sealed class DkimSigner : IDisposable
{
    private const int LineLength = 76;

    /// <summary>
    /// Each is named once more than it occurs, so that one that is added later breaks the signature (RFC 6376 §8.15). Those of one-click
    /// unsubscription must be among them (RFC 8058 §4).
    /// </summary>
    private static readonly string[] Names =
    [
        "from", "to", "cc", "subject", "date", "message-id", "reply-to", "list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id",
        "mime-version", "content-type", "content-transfer-encoding",
    ];

    private static readonly byte[][] SignedNames = [.. Names.Select(Encoding.ASCII.GetBytes)];

    private readonly DkimKey[] _keys;
    private readonly byte[] _domain;
    private readonly ByteWriter _form = new(MessageBuffer.MaxOctets, "The message is longer than 8 MiB.");
    private readonly ByteWriter _signature = new(16 * 1024, "The signature is longer than 16 KiB.");

    /// <summary>A signer.</summary>
    /// <param name="domain">The signing domain (d=), as A-labels.</param>
    /// <param name="keys">One signature each; the first one's stands lowest.</param>
    /// <exception cref="ArgumentException">The domain is no name in DNS, or there is no key.</exception>
    public DkimSigner(string domain, params IReadOnlyList<DkimKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (!IsName(domain)) throw new ArgumentException("The domain is not a name in DNS.", nameof(domain));
        if (keys.Count == 0) throw new ArgumentException("There is no key.", nameof(keys));
        _keys = [.. keys];
        _domain = Encoding.ASCII.GetBytes(domain);
    }

    /// <summary>Signs the message in the buffer, which is not signed by this signer yet.</summary>
    /// <exception cref="RenderException">The message and its signatures are longer than a message may be.</exception>
    public void Sign(MessageBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);

        // The body's hash (RFC 6376 §3.7), the same for every key.
        Span<byte> bodyHash = stackalloc byte[SHA256.HashSizeInBytes];
        _form.Clear();
        RelaxedForm.Body(buffer.Message.Written[buffer.HeaderLength..], _form);
        SHA256.HashData(_form.Written, bodyHash);

        // A signature does not cover the others: DKIM-Signature is no name of h=.
        foreach (var key in _keys) Sign(buffer, key, bodyHash);
    }

    private void Sign(MessageBuffer buffer, DkimKey key, ReadOnlySpan<byte> bodyHash)
    {
        // 1. The signed fields in the order of h=, then the signature's own field with an empty b= and without a line end.
        _form.Clear();
        _signature.Clear();
        _signature.Bytes("DKIM-Signature: v=1; a="u8);
        _signature.Bytes(key.Algorithm);
        _signature.Bytes("; c=relaxed/relaxed;\r\n d="u8);
        _signature.Bytes(_domain);
        _signature.Bytes(";\r\n s="u8);
        foreach (var character in key.Selector) _signature.Byte((byte)character);
        _signature.Bytes(";\r\n h="u8);
        WriteFields(buffer.Message.Written[..(buffer.HeaderLength - 2)]);
        _signature.Bytes(";\r\n bh="u8);
        WriteBase64(bodyHash);
        _signature.Bytes(";\r\n b="u8);
        RelaxedForm.Header(_signature.Written, _form);

        // 2. The signature over all that.
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(_form.Written, hash);
        Span<byte> signed = stackalloc byte[DkimKey.MaxRsaBits / 8];
        WriteBase64(signed[..key.Sign(hash, signed)]);
        _signature.Bytes("\r\n"u8);

        buffer.Message.Prepend(_signature.Written);
        buffer.HeaderLength += _signature.Length;
    }

    /// <summary>Ends the keys.</summary>
    public void Dispose()
    {
        foreach (var key in _keys) key.Dispose();
    }

    /// <summary>Writes h= and the forms of the fields; of several with one name the lowest comes first (RFC 6376 §5.4.2).</summary>
    private void WriteFields(ReadOnlySpan<byte> header)
    {
        var line = 3;
        for (var index = 0; index < SignedNames.Length; index++)
        {
            var name = SignedNames[index];
            WriteName(name, index == 0, ref line);
            var above = header;
            while (TryFindLast(name, above, out var start, out var end))
            {
                RelaxedForm.Header(above[start..end], _form);
                _form.Bytes("\r\n"u8);
                WriteName(name, false, ref line);
                above = above[..start];
            }
        }
    }

    private void WriteName(ReadOnlySpan<byte> name, bool first, ref int line)
    {
        if (!first)
        {
            _signature.Byte((byte)':');
            line++;
            if (line + name.Length + 1 > LineLength)
            {
                _signature.Bytes("\r\n "u8);
                line = 1;
            }
        }
        _signature.Bytes(name);
        line += name.Length;
    }

    private static bool TryFindLast(ReadOnlySpan<byte> name, ReadOnlySpan<byte> header, out int start, out int end)
    {
        (start, end) = (0, 0);
        var found = false;
        for (var at = 0; at < header.Length;)
        {
            var next = NextField(header, at);
            var field = header[at..next];
            if (field.Length > name.Length && field[name.Length] == ':' && Ascii.EqualsIgnoreCase(field[..name.Length], name)) (start, end, found) = (at, next, true);
            at = next;
        }
        return found;
    }

    /// <summary>Where the field after the one at <paramref name="at"/> begins: lines that begin with a blank belong to it.</summary>
    private static int NextField(ReadOnlySpan<byte> header, int at)
    {
        while (true)
        {
            var end = header[at..].IndexOf("\r\n"u8);
            if (end < 0) return header.Length;
            at += end + 2;
            if (at >= header.Length || header[at] is not ((byte)' ' or (byte)'\t')) return at;
        }
    }

    /// <summary>Base64 in lines of 72; blanks in b= and bh= mean nothing (RFC 6376 §3.5).</summary>
    private void WriteBase64(ReadOnlySpan<byte> value)
    {
        const int octetsOfLine = 54;
        while (true)
        {
            var part = value[..Math.Min(octetsOfLine, value.Length)];
            Base64.EncodeToUtf8(part, _signature.GetSpan(Base64.GetMaxEncodedToUtf8Length(part.Length)), out _, out var written);
            _signature.Advance(written);
            value = value[part.Length..];
            if (value.IsEmpty) return;
            _signature.Bytes("\r\n "u8);
        }
    }

    /// <summary>A domain or selector as it stands in DNS, underscores included.</summary>
    internal static bool IsName(string? text) =>
        text is { Length: > 0 and <= 253 } && text.Split('.').All(label =>
            label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-' && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
}
