using Ekiben.Broadcasts;
using Ekiben.Mails;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Sequences;

/// <summary>
/// Turns due steps into mails (ledger.md rule 25). The mail and the person's next position are one transaction, and a step is unique for a person, so
/// a crash neither forgets nor repeats one.
/// </summary>
internal sealed partial class SequencesWorker(EkibenOptions options, Database database, BroadcastsWorker engine, EngineSignal signal, TimeProvider clock, ILogger<SequencesWorker> logger)
    : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    /// <summary>How often it is looked for people who left between two steps, which walks everybody who is on a way.</summary>
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(1);

    /// <summary>People a transaction, so that nobody waits long behind it.</summary>
    private const int Batch = 100;

    private DateTimeOffset _swept = DateTimeOffset.MinValue;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunEngine)
        {
            return;
        }

        while (!stoppingToken.IsCancellationRequested)
        {
            var more = false;
            try
            {
                more = engine.Stopped is null && await StepAsync(stoppingToken);
            }
            catch (System.Data.Common.DbException exception)
            {
                Log.CannotStep(logger, exception);
            }
            catch (DbUpdateException exception)
            {
                Log.CannotStep(logger, exception);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            if (!more)
            {
                await Task.Delay(LookEvery, clock, stoppingToken).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            }
        }
    }

    /// <summary>One transaction. 1. End those who left. 2. Work out when new ones are due. 3. Hand what is due to the ledger. True when there is more.</summary>
    public async Task<bool> StepAsync(CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        var now = clock.GetUtcNow();
        var sweeps = now - _swept >= SweepEvery;
        if (!await db.Enrolments.AnyAsync(one => one.State == EnrolmentState.Active && (sweeps || one.DueAt == null || one.DueAt <= now), cancel))
        {
            return false;
        }

        await using var write = await database.BeginWriteAsync(db, cancel);
        await EndAsync(db, sweeps ? null : now, cancel);
        _swept = sweeps ? now : _swept;
        var found = await (
            from enrolment in db.Enrolments
            join step in db.SequenceSteps on new { enrolment.SequenceId, enrolment.Position } equals new { step.SequenceId, step.Position }
            where enrolment.State == EnrolmentState.Active && (enrolment.DueAt == null || enrolment.DueAt <= now)
            orderby enrolment.Id
            select new { Enrolment = enrolment, Step = step }).Take(Batch).ToListAsync(cancel);
        var sites = new Dictionary<SiteId, (Site Site, Author? Author)>();
        foreach (var one in found)
        {
            var id = one.Enrolment.SiteId;
            if (!sites.TryGetValue(id, out var place))
            {
                place = (await db.Sites.SingleAsync(site => site.Id == id, cancel), await db.Authors.Where(author => author.SiteId == id).OrderBy(author => author.Id).FirstOrDefaultAsync(cancel));
                sites[id] = place;
            }

            one.Enrolment.DueAt ??= one.Step.DueAfter(one.Enrolment.SinceAt, TimeZoneInfo.TryFindSystemTimeZoneById(place.Site.TimeZone, out var zone) ? zone : TimeZoneInfo.Utc);
            if (one.Enrolment.DueAt <= now && place.Author is { } author)
            {
                await SendAsync(db, place.Site, author, one.Enrolment, one.Step, now, cancel);
            }
        }

        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        signal.Wake();
        return found.Count == Batch;
    }

    /// <summary>Whoever unsubscribed, was suppressed or deleted gets no further step: of those with a step due by then, or of all.</summary>
    private static async Task EndAsync(Db db, DateTimeOffset? due, CancellationToken cancel) =>
        await db.Enrolments
            .Where(one => one.State == EnrolmentState.Active && (due == null || one.DueAt == null || one.DueAt <= due) && !db.Subscribers.Any(person => person.Id == one.SubscriberId && person.UnsubscribedAt == null
                && !db.Suppressions.Any(suppression => suppression.SiteId == one.SiteId && suppression.AddressId == person.AddressId)))
            .ExecuteUpdateAsync(set => set.SetProperty(one => one.State, EnrolmentState.Ended), cancel);

    private static async Task SendAsync(Db db, Site site, Author author, Enrolment enrolment, SequenceStep step, DateTimeOffset now, CancellationToken cancel)
    {
        if (!await db.Mails.AnyAsync(mail => mail.StepId == step.Id && mail.SubscriberId == enrolment.SubscriberId, cancel))
        {
            var content = new ContentDraft(author.Email, author.Name, step.Subject, step.PreviewText, step.Html, step.Type);
            var address = await db.Subscribers.Where(person => person.Id == enrolment.SubscriberId).Select(person => person.AddressId).SingleAsync(cancel);
            await MailQueue.AddAsync(
                db, site,
                [
                    new SingleMail
                    {
                        SiteId = site.Id,
                        AddressId = address,
                        SubscriberId = enrolment.SubscriberId,
                        ContentId = await MailQueue.KeepAsync(db, content, site.Id, cancel),
                        StepId = step.Id,
                        Cc = step.Cc,
                        Bcc = step.Bcc,
                        CreatedBy = "sequence",
                        CreatedAt = now,
                    },
                ],
                now, cancel);
        }

        var goesOn = await db.SequenceSteps.AnyAsync(next => next.SequenceId == enrolment.SequenceId && next.Position == step.Position + 1, cancel);
        (enrolment.Position, enrolment.SinceAt, enrolment.DueAt) = (step.Position + 1, now, null);
        enrolment.State = goesOn ? EnrolmentState.Active : EnrolmentState.Finished;
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "Steps of sequences could not be handed to the ledger")]
        public static partial void CannotStep(ILogger logger, Exception exception);
    }
}
