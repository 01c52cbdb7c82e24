using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Ekiben.Mail.Dkim;

/// <summary>
/// Signs messages for one domain: rsa-sha256, relaxed/relaxed (RFC 6376, RFC 8301). Signing is the last step of making a message and writes
/// the signature before it. The same message gives the same octets: there is no <c>t=</c>, and the padding of RSA here has nothing random.
/// There is no <c>l=</c> either: with it, anybody could add to what was signed (RFC 6376 §8.2). Costs no memory once its buffers have grown.
/// Not thread-safe: one a sender. It owns the key.
/// </summary>
public sealed class DkimSigner : IDisposable
{
    /// <summary>Bits a key must have: receivers refuse fewer than 1024, and RFC 8301 §3.2 wants 2048.</summary>
    public const int MinKeyBits = 2048;

    private const int MaxKeyBits = 4096;
    private const int LineLength = 76;

    /// <summary>
    /// Each is named once more than it occurs, so that one that is added later breaks the signature (RFC 6376 §8.15). Those of one-click
    /// unsubscription must be among them (RFC 8058 §4).
    /// </summary>
    private static readonly string[] Names =
    [
        "from", "to", "subject", "date", "message-id", "reply-to", "list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id",
        "mime-version", "content-type", "content-transfer-encoding",
    ];

    private static readonly byte[][] SignedNames = [.. Names.Select(Encoding.ASCII.GetBytes)];

    private readonly RSA _key;
    private readonly byte[] _head;
    private readonly ByteWriter _form = new(MessageBuffer.MaxOctets, "The message is longer than 8 MiB.");
    private readonly ByteWriter _signature = new(16 * 1024, "The signature is longer than 16 KiB.");

    /// <summary>A signer.</summary>
    /// <param name="domain">The signing domain (d=), as A-labels.</param>
    /// <param name="selector">The selector (s=): the key's record is <c>selector._domainkey.domain</c>.</param>
    /// <param name="key">A private key of 2048 to 4096 bits.</param>
    /// <exception cref="ArgumentException">The domain or selector is no name in DNS, or the key has another size.</exception>
    public DkimSigner(string domain, string selector, RSA key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (!IsName(domain)) throw new ArgumentException("The domain is not a name in DNS.", nameof(domain));
        if (!IsName(selector)) throw new ArgumentException("The selector is not a name in DNS.", nameof(selector));
        if (key.KeySize is < MinKeyBits or > MaxKeyBits) throw new ArgumentException("The key does not have 2048 to 4096 bits.", nameof(key));
        _key = key;
        _head = Encoding.ASCII.GetBytes($"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d={domain};\r\n s={selector};\r\n h=");
    }

    /// <summary>Signs the message in the buffer, which is not signed by this signer yet.</summary>
    /// <exception cref="RenderException">The message and its signature are longer than a message may be.</exception>
    public void Sign(MessageBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        var message = buffer.Message.Written;

        // 1. The body's hash (RFC 6376 §3.7).
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _form.Clear();
        RelaxedForm.Body(message[buffer.HeaderLength..], _form);
        SHA256.HashData(_form.Written, hash);

        // 2. The signed fields in the order of h=, then the signature's own field with an empty b= and without a line end.
        _form.Clear();
        _signature.Clear();
        _signature.Bytes(_head);
        WriteFields(message[..(buffer.HeaderLength - 2)]);
        _signature.Bytes(";\r\n bh="u8);
        WriteBase64(hash);
        _signature.Bytes(";\r\n b="u8);
        RelaxedForm.Header(_signature.Written, _form);

        // 3. The signature over all that.
        SHA256.HashData(_form.Written, hash);
        Span<byte> signed = stackalloc byte[MaxKeyBits / 8];
        if (!_key.TrySignHash(hash, signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1, out var length))
            throw new CryptographicException("The signature is longer than its key.");
        WriteBase64(signed[..length]);
        _signature.Bytes("\r\n"u8);

        buffer.Message.Prepend(_signature.Written);
        buffer.HeaderLength += _signature.Length;
    }

    /// <summary>Ends the key.</summary>
    public void Dispose() => _key.Dispose();

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

    private static bool IsName(string? text) =>
        text is { Length: > 0 and <= 253 } && text.Split('.').All(label =>
            label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-' && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
}
