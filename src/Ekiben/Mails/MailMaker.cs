using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Domains;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Mails;

/// <summary>
/// Makes the messages of one run of a stream. A page of rows is prepared before lanes see it: contents are looked up and compiled, each sender's
/// signature found, and addresses in Cc and Bcc that are suppressed taken out.
/// </summary>
internal sealed class MailMaker(
    Site site, Database database, DomainSigning domains, InstanceKey instanceKey, MessageIds messageIds, PublicLinks links, ComposePace pace)
    : IMessageMaker, IDisposable
{
    /// <summary>Compiled contents that are kept for the next page: programs send a handful of kinds.</summary>
    private const int MaxKept = 64;

    private readonly Dictionary<(long Content, bool IsTransactional), (CompiledMail? Mail, string? Fault)> _kept = [];
    private readonly Dictionary<string, MessageSigner?> _signers = new(StringComparer.OrdinalIgnoreCase);

    /// <returns>Null, or why this site's mails cannot be made at the moment; one sentence.</returns>
    public async Task<string?> PrepareAsync(IReadOnlyList<Candidate> page, CancellationToken cancel)
    {
        if (_kept.Count > MaxKept)
        {
            _kept.Clear();
        }

        await using var db = database.Open(site.Id);
        foreach (var candidate in page)
        {
            if (candidate.Mail is not { } mail)
            {
                continue;
            }

            if (mail.Content is not { } id)
            {
                mail.Fault = "Its content was erased.";
                continue;
            }

            if (!_kept.TryGetValue((id, mail.IsTransactional), out var known))
            {
                var content = await db.MailContents.AsNoTracking().FirstOrDefaultAsync(one => one.Id == id, cancel);
                if (content is not null && await FindSignerAsync(content.FromEmail, cancel) is { } unreadable)
                {
                    return unreadable;
                }

                known = _kept[(id, mail.IsTransactional)] = Compile(content, mail.IsTransactional);
            }

            (mail.Compiled, mail.Fault) = known;
            if (mail.Cc is not null || mail.Bcc is not null)
            {
                (mail.VisibleCopies, mail.BlindCopies) = (await ReachableAsync(db, mail.Cc, cancel), await ReachableAsync(db, mail.Bcc, cancel));
            }
        }

        return null;
    }

    public void Compose(Candidate candidate, DateTimeOffset date, MessageBuffer buffer, out TimeSpan wait)
    {
        wait = TimeSpan.Zero;
        if (candidate.Mail is not { Compiled: { } compiled } mail)
        {
            throw new RenderException(candidate.Mail?.Fault ?? "Its content is gone.");
        }

        compiled.Compose(candidate, date, buffer, out wait);
    }

    public OutgoingMessage Envelope(Candidate candidate, ReadOnlyMemory<byte> bytes) =>
        new(candidate.Shard.Site, candidate.Mail!.Compiled!.EnvelopeSender, candidate.Email, bytes)
        {
            Copies = [.. candidate.Mail.VisibleCopies.Concat(candidate.Mail.BlindCopies).Select(copy => copy.Mailbox)],
        };

    public void Dispose()
    {
        foreach (var signer in _signers.Values)
        {
            signer?.Dispose();
        }
    }

    private (CompiledMail? Mail, string? Fault) Compile(MailContent? content, bool isTransactional)
    {
        if (content is null)
        {
            return (null, "Its content is gone.");
        }

        try
        {
            return (new CompiledMail(CompiledMail.Compile(content, site, isTransactional), content, site, messageIds, links, _signers[content.FromEmail], pace), null);
        }
        catch (CompileException wrong)
        {
            return (null, $"Its {wrong.Field} cannot be compiled: {wrong.Message}");
        }
    }

    /// <summary>The newest key of the sender's domain, once a run. A sentence when it cannot be read: unsigned is not what its owner asked for.</summary>
    private async Task<string?> FindSignerAsync(string fromEmail, CancellationToken cancel)
    {
        if (_signers.ContainsKey(fromEmail))
        {
            return null;
        }

        var state = await domains.ForAsync(site, fromEmail, null, cancel);
        if (state is SigningState.KeyUnreadable unreadable)
        {
            return unreadable.Sentence;
        }

        _signers[fromEmail] = (state as SigningState.Signed)?.OpenSigner();
        return null;
    }

    private async Task<IReadOnlyList<EmailAddress>> ReachableAsync(Db db, string? list, CancellationToken cancel)
    {
        var reachable = new List<EmailAddress>();
        foreach (var text in list?.Split(',') ?? [])
        {
            if (EmailAddress.TryParse(text, out var address, out _))
            {
                var hash = AddressHash.Of(instanceKey, address.Normalised);
                var isSuppressed = await (from suppression in db.Suppressions join found in db.Addresses on suppression.AddressId equals found.Id where found.Hash == hash select 1).AnyAsync(cancel);
                if (!isSuppressed)
                {
                    reachable.Add(address);
                }
            }
        }

        return reachable;
    }
}
