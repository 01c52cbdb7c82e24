using System.Security.Cryptography;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Domains;

/// <summary>Whether mail of a site from an address leaves signed, and with what. Asked before an approval and at each start of a run.</summary>
internal sealed class DomainSigning(Database database, DomainKeys keys)
{
    /// <summary>
    /// The state for one sender. A domain's key also signs for the domains below it: relaxed alignment takes both for one organisation's
    /// (RFC 9989). The nearest domain that has a key wins.
    /// </summary>
    /// <param name="site">Whose mail.</param>
    /// <param name="fromEmail">The From address.</param>
    /// <param name="startedAt">When the broadcast started: it keeps the key that signed then, so that a message that is made again is the same to the octet. Null = not yet.</param>
    /// <param name="cancel">Ends the query.</param>
    public async Task<SigningState> ForAsync(Site site, string fromEmail, DateTimeOffset? startedAt, CancellationToken cancel)
    {
        if (site.RelaySigns)
        {
            return new SigningState.RelaySigns();
        }

        var domain = EmailAddress.TryParse(fromEmail, out var address, out _) ? address.Domain : "";
        var names = WithParents(domain).ToList();
        await using var db = database.Open(site.Id);
        var active = await db.DomainKeys.AsNoTracking().Where(k => names.Contains(k.Domain) && k.ActiveAt != null).ToListAsync(cancel);
        var newest = active
            .OrderByDescending(k => k.Domain.Length)
            .ThenByDescending(k => startedAt is null || k.ActiveAt <= startedAt)
            .ThenByDescending(k => k.ActiveAt).ThenByDescending(k => k.Id)
            .FirstOrDefault();
        if (newest is null)
        {
            return new SigningState.NoKey(domain);
        }

        if (keys.Open(newest) is not { } signer)
        {
            return new SigningState.KeyUnreadable(newest.Domain, newest.Selector, site.Uuid);
        }

        signer.Dispose();
        return new SigningState.Signed(newest.Domain, newest.Selector, newest.Ed25519PublicKey is not null, () => keys.Open(newest) ?? throw new CryptographicException("the key could be read a moment ago"));
    }

    /// <summary>The domain and those above it, down to two labels.</summary>
    public static IEnumerable<string> WithParents(string domain)
    {
        while (domain.Contains('.', StringComparison.Ordinal))
        {
            yield return domain;
            domain = domain[(domain.IndexOf('.', StringComparison.Ordinal) + 1)..];
        }
    }
}

/// <summary>What becomes of a sender's mail, with a line for people.</summary>
internal abstract record SigningState
{
    private SigningState()
    {
    }

    /// <summary>One sentence.</summary>
    public abstract string Sentence { get; }

    /// <summary>Each message gets this domain's signature.</summary>
    /// <param name="Domain">d=, the From domain or one above it.</param>
    /// <param name="Selector">s= of the RSA signature.</param>
    /// <param name="HasEd25519">A second signature stands above it.</param>
    /// <param name="OpenSigner">Makes what signs; dispose it.</param>
    public sealed record Signed(string Domain, string Selector, bool HasEd25519, Func<MessageSigner> OpenSigner) : SigningState
    {
        public override string Sentence => $"Signed for {Domain} (DKIM selector {Selector}{(HasEd25519 ? $" and {Selector}{DomainKey.Ed25519Suffix}" : "")}).";
    }

    /// <summary>The site says that its relay signs.</summary>
    public sealed record RelaySigns : SigningState
    {
        public override string Sentence => "Not signed here: this site leaves DKIM to its relay.";
    }

    /// <summary>No active key fits the sender.</summary>
    public sealed record NoKey(string Domain) : SigningState
    {
        public override string Sentence => $"It leaves without a DKIM signature: the site has no active key for {Domain}. 'ekiben domain add {Domain}' makes one.";
    }

    /// <summary>There is a key that this server cannot read: nothing goes out, since unsigned is not what was asked for.</summary>
    public sealed record KeyUnreadable(string Domain, string Selector, string Site) : SigningState
    {
        public override string Sentence =>
            $"The DKIM key {Selector} of {Domain} cannot be read: the folder 'keys' in the data folder is not the one that it was encrypted with. "
            + $"Bring that folder back, or remove the key ('ekiben domain remove {Domain} --site {Site} --selector {Selector}') and add a new one.";
    }
}
