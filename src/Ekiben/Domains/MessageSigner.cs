using System.Collections.Concurrent;
using System.Security.Cryptography;
using Ekiben.Mail;
using Ekiben.Mail.Dkim;

namespace Ekiben.Domains;

/// <summary>
/// Signs one broadcast's messages; thread-safe. Keys are decrypted once, and imported once for each message that is signed at the same time:
/// as many signers as threads compose, since one RSA key used by two threads makes them wait for each other.
/// </summary>
internal sealed class MessageSigner : IDisposable
{
    private readonly ConcurrentBag<DkimSigner> _free = [];
    private readonly ConcurrentBag<DkimSigner> _all = [];
    private readonly (string Domain, string Selector, string Ed25519Selector) _names;
    private readonly byte[] _rsa;
    private readonly byte[]? _seed;

    /// <exception cref="CryptographicException">The octets are no keys.</exception>
    /// <exception cref="ArgumentException">The keys have another size than they should.</exception>
    public MessageSigner(DomainKey key, byte[] rsa, byte[]? seed)
    {
        (_names, _rsa, _seed) = ((key.Domain, key.Selector, key.Ed25519Selector), rsa, seed);
        _free.Add(Create());
    }

    /// <summary>Puts the signatures before the message.</summary>
    /// <exception cref="RenderException">The message and its signatures are longer than a message may be.</exception>
    public void Sign(MessageBuffer buffer)
    {
        if (!_free.TryTake(out var signer))
        {
            signer = Create();
        }

        try
        {
            signer.Sign(buffer);
        }
        finally
        {
            _free.Add(signer);
        }
    }

    /// <summary>Ends the keys. Nobody signs any more then.</summary>
    public void Dispose()
    {
        foreach (var signer in _all)
        {
            signer.Dispose();
        }

        CryptographicOperations.ZeroMemory(_rsa);
        CryptographicOperations.ZeroMemory(_seed);
    }

    private DkimSigner Create()
    {
        var rsa = RSA.Create();
        try
        {
            rsa.ImportPkcs8PrivateKey(_rsa, out _);
            var first = DkimKey.Rsa(_names.Selector, rsa);
            var signer = _seed is null
                ? new DkimSigner(_names.Domain, first)
                : new DkimSigner(_names.Domain, first, DkimKey.Ed25519(_names.Ed25519Selector, _seed));
            _all.Add(signer);
            return signer;
        }
        catch
        {
            rsa.Dispose();
            throw;
        }
    }
}
