using System.Security.Cryptography;
using System.Text;
using MimeKit;
using MimeKit.Cryptography;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Security;
using DkimSigner = Ekiben.Mail.Dkim.DkimSigner;

namespace Ekiben.Mail.Tests.Dkim;

/// <summary>Signatures, verified by a reader that isn't ours.</summary>
public sealed class DkimSignerTests : IDisposable
{
    private readonly RSA _key = RSA.Create(2048);
    private readonly DkimSigner _signer;

    public DkimSignerTests() => _signer = new DkimSigner("shop.example", "e1", _key);

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
    public void Short_keys_and_names_that_are_none_are_refused()
    {
        using var weak = RSA.Create(1024);
        Assert.Throws<ArgumentException>(() => new DkimSigner("shop.example", "e1", weak));
        Assert.Throws<ArgumentException>(() => new DkimSigner("shop.example; l=0", "e1", _key));
        Assert.Throws<ArgumentException>(() => new DkimSigner("shop.example", "e 1", _key));
    }

    private byte[] Sign(MessageSource source)
    {
        var buffer = new MessageBuffer();
        CompiledMessage.Compile(source).Compose(Sample.Ann, Sample.Identity, buffer);
        _signer.Sign(buffer);
        return buffer.Bytes.ToArray();
    }

    private bool Verifies(byte[] message)
    {
        var read = MimeMessage.Load(new MemoryStream(message));
        var signature = read.Headers[read.Headers.IndexOf(HeaderId.DkimSignature)];
        return new DkimVerifier(new OneKey(DotNetUtilities.GetRsaPublicKey(_key))).Verify(read, signature);
    }

    private sealed class OneKey(AsymmetricKeyParameter key) : IDkimPublicKeyLocator
    {
        public AsymmetricKeyParameter LocatePublicKey(string methods, string domain, string selector, CancellationToken cancellationToken = default)
        {
            Assert.Equal(("shop.example", "e1"), (domain, selector));
            return key;
        }

        public Task<AsymmetricKeyParameter> LocatePublicKeyAsync(string methods, string domain, string selector, CancellationToken cancellationToken = default) =>
            Task.FromResult(LocatePublicKey(methods, domain, selector, cancellationToken));
    }
}
