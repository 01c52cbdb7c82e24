using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Mails;

/// <summary>Bento's route for mails to one person. They are in the ledger when they are answered.</summary>
internal static class BentoMailsApi
{
    /// <summary>To the letter what clients compare with, and 500: they read it there alone.</summary>
    public const string NoAuthor = "Author not authorized to send on this account";

    public static void MapBentoMails(this RouteGroupBuilder bento)
    {
        bento.Map("POST", "/batch/emails", SendAsync).WithTags("Bento: e-mails").Describe("Send a mail to each of some people", typeof(BentoCounts), typeof(EmailsBody));
    }

    /// <summary>
    /// 1. Every sender must be an author. 2. Read every item; one that is refused does not stop the others. 3. In one transaction: make the people
    /// that are unknown, keep the contents, put the mails into the ledger.
    /// </summary>
    private static async Task<Answer> SendAsync(ApiRequest request)
    {
        if (!BentoValues.TryReadBatch(request, "emails", RequestLimits.MaxEmails, out var items, out var refusal))
        {
            return refusal!;
        }

        if (request.Service<SendingRequirements>().WhatIsMissing(request.Site) is { } missing)
        {
            return Answer.Error(StatusCodes.Status422UnprocessableEntity, missing);
        }

        var authors = await request.Db.Authors.AsNoTracking().OrderBy(author => author.Id).ToListAsync(request.Cancel);
        // One client says it once for all.
        var all = request.Field("transactional") is { ValueKind: not JsonValueKind.Undefined } flag && MailItemReader.IsTrue(flag) == true;
        var reader = new MailItemReader(request.Site, request.Service<InstanceKey>(), authors, all);
        var drafts = new List<MailDraft>(items.Count);
        var failures = new List<BentoFailure>();
        for (var index = 0; index < items.Count; index++)
        {
            if (reader.AuthorOf(items[index]) is not { } author)
            {
                return Answer.Error(StatusCodes.Status500InternalServerError, NoAuthor);
            }

            if (reader.TryRead(items[index], author, out var read, out var error))
            {
                drafts.AddRange(read);
            }
            else
            {
                failures.Add(new BentoFailure(index, null, error!));
            }
        }

        var taken = items.Count - failures.Count;
        var answer = await request.WriteAsync(async () =>
        {
            await WriteAsync(request, drafts);
            return Answer.Ok(new BentoCounts(taken, taken, failures.Count, failures));
        });
        request.WakeEngine();
        return answer;
    }

    private static async Task WriteAsync(ApiRequest request, List<MailDraft> drafts)
    {
        var now = request.Service<TimeProvider>().GetUtcNow();
        await StoredMails.AddAsync(request.Db, request.Site, request.Service<SubscriberImport>(), drafts, request.Actor.Name, now, request.Cancel);
    }
}
