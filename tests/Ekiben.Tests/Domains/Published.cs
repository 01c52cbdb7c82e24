using System.Text;
using Ekiben.Domains;
using MimeKit;
using MimeKit.Cryptography;
using Org.BouncyCastle.Crypto;

namespace Ekiben.Tests.Domains;

/// <summary>Verifies signatures by records as a name server would give them, with a reader that isn't ours.</summary>
internal sealed class Published(IReadOnlyDictionary<string, string> records) : DkimPublicKeyLocatorBase
{
    public static Published By(DomainKey key) => new(DnsRecords.Dkim(key).ToDictionary(record => record.Name, record => record.Value));

    public override AsymmetricKeyParameter LocatePublicKey(string methods, string domain, string selector, CancellationToken cancellationToken = default) =>
        GetPublicKey(records[$"{selector}._domainkey.{domain}"]);

    public override Task<AsymmetricKeyParameter> LocatePublicKeyAsync(string methods, string domain, string selector, CancellationToken cancellationToken = default) =>
        Task.FromResult(LocatePublicKey(methods, domain, selector, cancellationToken));

    /// <summary>Verifies every signature of the message, and gives their header values, the uppermost first.</summary>
    public IReadOnlyList<string> Verify(ReadOnlyMemory<byte> message)
    {
        using var read = MimeMessage.Load(new MemoryStream(message.ToArray()));
        var signatures = read.Headers.Where(header => header.Id == HeaderId.DkimSignature).ToList();
        var verifier = new DkimVerifier(this);
        Assert.All(signatures, signature => Assert.True(verifier.Verify(read, signature), Encoding.Latin1.GetString(message.Span)));
        return [.. signatures.Select(signature => signature.Value.ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal))];
    }
}
