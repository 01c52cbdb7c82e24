using System.Security.Cryptography;
using System.Text;
using NSec.Cryptography;

namespace Ekiben.Mail.Dkim;

/// <summary>
/// A private key with the selector under which its public half is published. Both kinds sign deterministically: the same hash gives the
/// same signature. Not thread-safe: a key belongs to one <see cref="DkimSigner"/>.
/// </summary>
public abstract class DkimKey : IDisposable
{
    /// <summary>Bits an RSA key must have: receivers refuse fewer than 1024, and RFC 8301 §3.2 wants 2048.</summary>
    public const int MinRsaBits = 2048;

    /// <summary>Verifiers need not take longer ones (RFC 8301 §3.2), and the time to sign grows with the cube of the length.</summary>
    public const int MaxRsaBits = 4096;

    /// <summary>Octets of an Ed25519 key, private (the seed of RFC 8032 §5.1.5) or public.</summary>
    public const int Ed25519Octets = 32;

    private DkimKey(string selector, string algorithm)
    {
        if (!DkimSigner.IsName(selector)) throw new ArgumentException("The selector is not a name in DNS.", nameof(selector));
        (Selector, Algorithm) = (selector, Encoding.ASCII.GetBytes(algorithm));
    }

    /// <summary>s=: the public key's record is <c>selector._domainkey.domain</c>.</summary>
    public string Selector { get; }

    /// <summary>a= of the signature.</summary>
    internal byte[] Algorithm { get; }

    /// <summary>An RSA key (RFC 6376 §3.3.1); it is disposed with this one.</summary>
    /// <exception cref="ArgumentException">The selector is no name, or the key does not have 2048 to 4096 bits.</exception>
    public static DkimKey Rsa(string selector, RSA key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (key.KeySize is < MinRsaBits or > MaxRsaBits) throw new ArgumentException("The key does not have 2048 to 4096 bits.", nameof(key));
        return new RsaKey(selector, key);
    }

    /// <summary>An Ed25519 key (RFC 8463).</summary>
    /// <param name="selector">Its selector.</param>
    /// <param name="seed">32 octets.</param>
    /// <exception cref="ArgumentException">The selector is no name, or the seed has another length.</exception>
    public static DkimKey Ed25519(string selector, ReadOnlySpan<byte> seed)
    {
        if (seed.Length != Ed25519Octets) throw new ArgumentException("The key does not have 32 octets.", nameof(seed));
        return new Ed25519Key(selector, Key.Import(SignatureAlgorithm.Ed25519, seed, KeyBlobFormat.RawPrivateKey));
    }

    /// <summary>True for one label of letters, digits and inner hyphens: a selector could have more, but needs no more.</summary>
    public static bool IsLabel(string text) => DkimSigner.IsName(text) && text.AsSpan().IndexOfAny('.', '_') < 0;

    /// <summary>The public half of an Ed25519 key: p= of its record, in base64 (RFC 8463 §4.2).</summary>
    public static byte[] Ed25519PublicKey(ReadOnlySpan<byte> seed)
    {
        using var key = Key.Import(SignatureAlgorithm.Ed25519, seed, KeyBlobFormat.RawPrivateKey);
        return key.PublicKey.Export(KeyBlobFormat.RawPublicKey);
    }

    /// <summary>Signs the SHA-256 of the signed fields.</summary>
    /// <param name="hash">32 octets.</param>
    /// <param name="signature">Room for 512 octets, the signature of the longest RSA key.</param>
    /// <returns>Octets of the signature.</returns>
    internal abstract int Sign(ReadOnlySpan<byte> hash, Span<byte> signature);

    /// <summary>Ends the key.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the key.</summary>
    protected abstract void Dispose(bool disposing);

    private sealed class RsaKey(string selector, RSA key) : DkimKey(selector, "rsa-sha256")
    {
        internal override int Sign(ReadOnlySpan<byte> hash, Span<byte> signature) =>
            key.TrySignHash(hash, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1, out var length)
                ? length
                : throw new CryptographicException("The signature is longer than its key.");

        protected override void Dispose(bool disposing) => key.Dispose();
    }

    private sealed class Ed25519Key(string selector, Key key) : DkimKey(selector, "ed25519-sha256")
    {
        /// <summary>RFC 8463 §3: the hash is the message that Ed25519 signs.</summary>
        internal override int Sign(ReadOnlySpan<byte> hash, Span<byte> signature)
        {
            const int octets = 64;
            SignatureAlgorithm.Ed25519.Sign(key, hash, signature[..octets]);
            return octets;
        }

        protected override void Dispose(bool disposing) => key.Dispose();
    }
}
