using System.Security.Cryptography;
using System.Text;
using MimeKit;
using MimeKit.Cryptography;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Security;
using DkimKey = Ekiben.Mail.Dkim.DkimKey;
using DkimSigner = Ekiben.Mail.Dkim.DkimSigner;

namespace Ekiben.Mail.Tests.Dkim;

/// <summary>Signatures, verified by a reader that isn't ours.</summary>
public sealed class DkimSignerTests : IDisposable
{
    private readonly RSA _key = RSA.Create(2048);
    private readonly byte[] _seed = RandomNumberGenerator.GetBytes(DkimKey.Ed25519Octets);
    private readonly DkimSigner _signer;

    public DkimSignerTests() => _signer = new DkimSigner("shop.example", DkimKey.Rsa("e1", _key), DkimKey.Ed25519("e2", _seed));

    public void Dispose() => _signer.Dispose();

    public static TheoryData<string, string, string> Corpus => CorpusTests.Corpus;

    [Theory]
    [MemberData(nameof(Corpus))]
    public void Signature_verifies(string name, string subject, string content)
    {
        var signed = Sign(Sample.HtmlSource(content) with { Subject = subject });
        Linter.Check(signed);
        Assert.True(Verifies(signed), name);
    }

    [Theory]
    [InlineData("From")]
    [InlineData("To")]
    [InlineData("Subject")]
    [InlineData("Date")]
    [InlineData("Message-ID")]
    [InlineData("List-Id")]
    [InlineData("List-Unsubscribe")]
    [InlineData("List-Unsubscribe-Post")]
    [InlineData("Feedback-ID")]
    [InlineData("MIME-Version")]
    [InlineData("Content-Type")]
    public void Changed_header_breaks_it(string name)
    {
        var text = Encoding.Latin1.GetString(Sign(Sample.Source));
        var at = text.IndexOf($"\r\n{name}: ", StringComparison.Ordinal);
        Assert.True(at > 0);
        Assert.False(Verifies(Encoding.Latin1.GetBytes(text.Insert(at + name.Length + 4, "x"))));
    }

    [Theory]
    [InlineData("From: Bank <ceo@bank.example>")]
    [InlineData("To: bob@example.org")]
    [InlineData("Cc: bob@example.org")]
    [InlineData("Subject: Other")]
    [InlineData("Reply-To: thief@bank.example")]
    [InlineData("List-Unsubscribe: <https://bank.example/>")]
    [InlineData("Content-Transfer-Encoding: base64")]
    public void Added_header_breaks_it(string field)
    {
        var signed = Sign(Sample.Source);
        Assert.True(Verifies(signed));
        Assert.False(Verifies([.. Encoding.ASCII.GetBytes(field + "\r\n"), .. signed]));
    }

    [Fact]
    public void Changed_or_longer_body_breaks_it()
    {
        var signed = Sign(Sample.Source);
        Assert.False(Verifies([.. signed, .. "More\r\n"u8]));
        Assert.False(Verifies(Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(signed).Replace("Hi Ann", "Hi Bob", StringComparison.Ordinal))));
    }

    [Fact]
    public void Blanks_that_a_relay_adds_do_not_break_it()
    {
        var text = Encoding.Latin1.GetString(Sign(Sample.Source));
        Assert.True(Verifies(Encoding.Latin1.GetBytes(text.Replace("\r\nSubject: ", "\r\nsubject:   ", StringComparison.Ordinal) + "\r\n\r\n")));
    }

    [Fact]
    public void Same_message_has_the_same_signature_and_the_header_is_counted()
    {
        Assert.Equal(Sign(Sample.Source), Sign(Sample.Source));
        var buffer = new MessageBuffer();
        CompiledMessage.Compile(Sample.Source).Compose(Sample.Ann, Sample.Identity, buffer);
        var unsigned = buffer.Bytes.ToArray();
        var header = buffer.HeaderLength;
        _signer.Sign(buffer);
        var added = buffer.Bytes.Length - unsigned.Length;
        Assert.Equal(header + added, buffer.HeaderLength);
        Assert.Equal(unsigned, buffer.Bytes[added..].ToArray());
        Assert.DoesNotContain(" l=", Encoding.Latin1.GetString(buffer.Bytes.Span[..added]), StringComparison.Ordinal);
    }

    [Fact]
    public void Signing_allocates_nothing_once_its_buffers_have_grown()
    {
        var compiled = CompiledMessage.Compile(Sample.Source);
        var buffer = new MessageBuffer();
        long allocated = 0;
        for (var i = 0; i < 20; i++)
        {
            compiled.Compose(Sample.Ann, Sample.Identity, buffer);
            var before = GC.GetAllocatedBytesForCurrentThread();
            _signer.Sign(buffer);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }
        Assert.Equal(0, allocated);
    }

    [Fact]
    public void A_second_key_adds_a_second_signature_and_either_verifies_alone()
    {
        var signed = Sample.Ascii(Sign(Sample.Source));
        Assert.Equal(["ed25519-sha256", "rsa-sha256"], Signatures(Encoding.Latin1.GetBytes(signed)).Select(value => value.Split("a=")[1].Split(';')[0]));
        var second = signed.IndexOf("DKIM-Signature:", 1, StringComparison.Ordinal);
        Assert.True(Verifies(Encoding.Latin1.GetBytes(signed[second..])));
        var (first, rest) = (signed[..second], signed[signed.IndexOf("From:", StringComparison.Ordinal)..]);
        Assert.True(Verifies(Encoding.Latin1.GetBytes(first + rest)));
    }

    [Fact]
    public void Short_keys_and_names_that_are_none_are_refused()
    {
        using var weak = RSA.Create(1024);
        Assert.Throws<ArgumentException>(() => DkimKey.Rsa("e1", weak));
        Assert.Throws<ArgumentException>(() => DkimKey.Rsa("e 1", _key));
        Assert.Throws<ArgumentException>(() => DkimKey.Ed25519("e1", new byte[31]));
        Assert.Throws<ArgumentException>(() => new DkimSigner("shop.example; l=0", DkimKey.Rsa("e1", _key)));
        Assert.Throws<ArgumentException>(() => new DkimSigner("shop.example"));
    }

    private byte[] Sign(MessageSource source)
    {
        var buffer = new MessageBuffer();
        CompiledMessage.Compile(source).Compose(Sample.Ann, Sample.Identity, buffer);
        _signer.Sign(buffer);
        return buffer.Bytes.ToArray();
    }

    private static IEnumerable<string> Signatures(byte[] message) =>
        MimeMessage.Load(new MemoryStream(message)).Headers.Where(header => header.Id == HeaderId.DkimSignature).Select(header => header.Value);

    /// <summary>True when each signature verifies, false when none does.</summary>
    private bool Verifies(byte[] message)
    {
        var read = MimeMessage.Load(new MemoryStream(message));
        var verifier = new DkimVerifier(new PublishedKeys(DotNetUtilities.GetRsaPublicKey(_key), new Ed25519PublicKeyParameters(DkimKey.Ed25519PublicKey(_seed))));
        return Assert.Single(read.Headers.Where(header => header.Id == HeaderId.DkimSignature).Select(signature => verifier.Verify(read, signature)).Distinct());
    }

    private sealed class PublishedKeys(AsymmetricKeyParameter rsa, AsymmetricKeyParameter ed25519) : IDkimPublicKeyLocator
    {
        public AsymmetricKeyParameter LocatePublicKey(string methods, string domain, string selector, CancellationToken cancellationToken = default)
        {
            Assert.Equal("shop.example", domain);
            return selector == "e1" ? rsa : ed25519;
        }

        public Task<AsymmetricKeyParameter> LocatePublicKeyAsync(string methods, string domain, string selector, CancellationToken cancellationToken = default) =>
            Task.FromResult(LocatePublicKey(methods, domain, selector, cancellationToken));
    }
}
