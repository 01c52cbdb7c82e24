using System.Globalization;
using System.Text;
using System.Text.Json;
using Ekiben.Delivery;
using Ekiben.Domains;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Templates;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>
/// Everything that can be known of a broadcast before it goes out, as one list of lines. What blocks is checked by the server whenever
/// somebody approves; the rest takes a walk through the audience and is for people who look.
/// </summary>
internal sealed class Preflight(
    Database database, Audiences audiences, RiskMarks risks, MessageComposer composer, SendingRequirements requirements, DomainSigning signing, TimeProvider clock)
{
    /// <summary>As fast as the relay takes is fine for a few thousand; beyond, providers slow down or block a sender they do not know.</summary>
    private const long ManyWithoutRate = 5_000;

    /// <summary>A rate this much above what the relay ever took is a wish.</summary>
    private const double TooFast = 1.5;

    private static readonly TimeSpan LongSend = TimeSpan.FromHours(48);

    /// <param name="broadcast">As it is now.</param>
    /// <param name="site">Its site.</param>
    /// <param name="isDeep">False for what blocks alone, which is quick.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="counted">What was counted a moment ago, so that it is not counted again; null, or of another manifest, to count now.</param>
    public async Task<PreflightReport> CheckAsync(Broadcast broadcast, Site site, bool isDeep, CancellationToken cancel, WatchedAudience? counted = null)
    {
        await using var db = database.Open(site.Id);
        var segment = await BroadcastActions.SegmentRuleOfAsync(db, broadcast, cancel);
        var manifest = Manifest.Of(broadcast, site, segment);
        var rule = AudienceRule.Of(site.Id, manifest);
        var text = manifest.ToText();
        var digest = Manifest.DigestOf(text);
        var known = counted?.Digest == digest ? counted : null;
        var count = known?.Count ?? await audiences.CountAsync(rule, cancel);

        var findings = new List<PreflightFinding>();
        if (requirements.WhatIsMissing(site) is { } missing)
        {
            findings.Add(new PreflightFinding("cannot_send", FindingLevel.Blocker, missing));
        }

        if (broadcast.SegmentId.Length > 0 && segment is null)
        {
            findings.Add(new PreflightFinding(
                "segment_gone", FindingLevel.Blocker, "The segment of this broadcast is gone: choose another one.", "Choose whom", Edit(broadcast)));
        }

        AddSigning(findings, site, await signing.ForAsync(site, broadcast.FromEmail, broadcast.StartedAt, cancel));
        if (isDeep)
        {
            // A program may approve what reaches nobody: it closes at once with that reason (ledger.md rule 6).
            AddAudience(findings, broadcast, count);
            await AddContentAsync(findings, db, broadcast, site, rule, cancel);
            await AddUnknownTagsAsync(findings, broadcast, rule, cancel);
            AddTimes(findings, broadcast, site, count.Recipients);
            await AddSpeedAsync(findings, db, broadcast, count.Recipients, cancel);
            await AddRehearsalAsync(findings, db, broadcast, digest, cancel);
            var marks = known?.Marks ?? await risks.FindAsync(broadcast, rule, count.Recipients, cancel);
            findings.AddRange(marks.Select(risk => new PreflightFinding(
                risk.Code, FindingLevel.Warning, risk.Text)));
        }
        else
        {
            AddCompile(findings, broadcast, site);
        }

        return new PreflightReport(text, count, [.. findings.OrderByDescending(f => f.Level)]);
    }

    /// <summary>A key that cannot be read would hold it at its start; unsigned mail of a live site is worth a tick, since providers judge senders by it.</summary>
    private static void AddSigning(List<PreflightFinding> findings, Site site, SigningState state)
    {
        var level = state switch
        {
            SigningState.KeyUnreadable => FindingLevel.Blocker,
            SigningState.NoKey when !site.IsTest => FindingLevel.Warning,
            _ => FindingLevel.Note,
        };
        if (state is SigningState.KeyUnreadable or SigningState.NoKey)
        {
            findings.Add(new PreflightFinding(state is SigningState.NoKey ? "unsigned" : "key_unreadable", level, state.Sentence));
        }
    }

    private void AddAudience(List<PreflightFinding> findings, Broadcast broadcast, AudienceCount count)
    {
        if (count.Recipients > 0)
        {
            return;
        }

        findings.Add(broadcast.SendAt > clock.GetUtcNow()
            ? new PreflightFinding("nobody_yet", FindingLevel.Warning, "It reaches nobody now; the people are chosen when sending starts.", "Choose whom", Edit(broadcast))
            : new PreflightFinding("nobody", FindingLevel.Blocker, "It reaches nobody, and would close without a message.", "Choose whom", Edit(broadcast)));
    }

    private static void AddCompile(List<PreflightFinding> findings, Broadcast broadcast, Site site)
    {
        try
        {
            MessageComposer.Check(broadcast, site);
        }
        catch (CompileException error)
        {
            var place = error.Line > 0 ? string.Create(CultureInfo.InvariantCulture, $" (line {error.Line}, column {error.Column})") : "";
            findings.Add(new PreflightFinding(
                "invalid", FindingLevel.Blocker, $"The {error.Field.Replace('_', ' ')} cannot be used: {error.Message}{place}", "Edit it", Edit(broadcast)));
        }
    }

    /// <summary>Lint's findings, those of one kind in one line; holes with their numbers; the first recipient's message as a sample.</summary>
    private async Task AddContentAsync(List<PreflightFinding> findings, Db db, Broadcast broadcast, Site site, AudienceRule rule, CancellationToken cancel)
    {
        var fields = await db.Fields.AsNoTracking().Select(field => field.Key).ToHashSetAsync(StringComparer.Ordinal, cancel);
        var lint = Lint.Of(broadcast, site, fields);
        foreach (var kind in lint.Findings.GroupBy(f => f.Code))
        {
            var first = kind.First();
            var place = first.Line is { } line ? string.Create(CultureInfo.InvariantCulture, $" ({first.Field.Replace('_', ' ')}, line {line})") : "";
            var more = kind.Count() > 1 ? string.Create(CultureInfo.InvariantCulture, $" And {kind.Count() - 1} more like it.") : "";
            findings.Add(new PreflightFinding(kind.Key, LevelOf(first, lint.Compiles), first.Message + place + more, "Edit it", Edit(broadcast)));
        }

        if (!lint.Compiles)
        {
            return;
        }

        if (lint.Unguarded.Count > 0)
        {
            var blanks = await audiences.CountBlankAsync(rule, [.. lint.Unguarded.Select(v => v.Field)], cancel);
            findings.AddRange(lint.Unguarded.Zip(blanks).Where(pair => pair.Second > 0).Select(pair => new PreflightFinding(
                "hole:" + pair.First.Field.Name,
                FindingLevel.Warning,
                $"{Wording.People(pair.Second)} {(pair.Second == 1 ? "has" : "have")} nothing in {pair.First.Name}, and the {pair.First.Place.Replace('_', ' ')} shows a hole there.",
                "Show one",
                $"/broadcasts/{broadcast.Id}?holes=next")));
        }

        if (await audiences.SampleAsync(rule, default, 1, cancel) is [var person])
        {
            findings.AddRange(await SampleAsync(broadcast, person, cancel));
        }
    }

    private async Task<IEnumerable<PreflightFinding>> SampleAsync(Broadcast broadcast, SubscriberId person, CancellationToken cancel)
    {
        try
        {
            var preview = await composer.PreviewAsync(broadcast, person, cancel);
            LintFinding?[] found = [Lint.Subject(preview.Subject, isRendered: true), Lint.Size(Encoding.UTF8.GetByteCount(preview.Html))];
            return found.OfType<LintFinding>().Select(f => new PreflightFinding(f.Code, FindingLevel.Warning, f.Message, "Edit it", Edit(broadcast)));
        }
        catch (RenderException failed)
        {
            return [new PreflightFinding(
                "sample_failed", FindingLevel.Warning, $"The first recipient's message cannot be made: {failed.Message} The rehearsal says of how many that is true.")];
        }
    }

    /// <summary>What no author can have meant blocks where it cannot be sent at all; the rest is for a person to judge, or a matter of taste.</summary>
    private static FindingLevel LevelOf(LintFinding finding, bool compiles) => finding switch
    {
        { Severity: "error" } when !compiles => FindingLevel.Blocker,
        { Code: "missing_unsubscribe_link" or "missing_alt" or "unreadable_markup" } => FindingLevel.Note,
        _ => FindingLevel.Warning,
    };

    private async Task AddUnknownTagsAsync(List<PreflightFinding> findings, Broadcast broadcast, AudienceRule rule, CancellationToken cancel)
    {
        foreach (var tag in await audiences.UnknownTagsAsync(rule.Site, rule.InclusiveTags, cancel))
        {
            findings.Add(new PreflightFinding("unknown_tag:" + tag, FindingLevel.Warning, $"There is no tag “{tag}”: it matches nobody.", "Choose whom", Edit(broadcast)));
        }

        foreach (var tag in await audiences.UnknownTagsAsync(rule.Site, rule.ExclusiveTags, cancel))
        {
            findings.Add(new PreflightFinding("unknown_tag:" + tag, FindingLevel.Warning, $"There is no tag “{tag}”: it excludes nobody.", "Choose whom", Edit(broadcast)));
        }
    }

    private void AddTimes(List<PreflightFinding> findings, Broadcast broadcast, Site site, long recipients)
    {
        var now = clock.GetUtcNow();
        if (broadcast.SendAt is { } due && due < now)
        {
            findings.Add(new PreflightFinding(
                "time_past", FindingLevel.Warning, $"Its time is past ({Wording.Ago(due, now)}): it starts {BroadcastActions.UndoWindow.TotalSeconds:0} seconds after the approval.", "Change it", Edit(broadcast)));
        }

        var plan = SendingPlan.BeforeStart(recipients, broadcast.BatchSizePerHour, broadcast.SendAt, now);
        if (TimeZoneInfo.TryFindSystemTimeZoneById(site.TimeZone, out var zone) && TimeZoneInfo.ConvertTime(plan.StartsAt, zone).Hour is >= 22 or < 6)
        {
            findings.Add(new PreflightFinding(
                "at_night", FindingLevel.Note, $"It starts at night: {Wording.Time(plan.StartsAt, now, zone!)} in the site's zone, {site.TimeZone}.", "Change it", Edit(broadcast)));
        }

        if (plan.FinishesAt is { } finish && finish - plan.StartsAt > LongSend)
        {
            findings.Add(new PreflightFinding(
                "takes_long", FindingLevel.Warning, $"At {SendingPlan.Rate(broadcast.BatchSizePerHour)} it takes {Wording.Span(finish - plan.StartsAt)}.", "Change the rate", Edit(broadcast)));
        }
    }

    /// <summary>The rate against what the relay took so far: the fastest of the last broadcasts that were large enough to tell.</summary>
    private static async Task AddSpeedAsync(List<PreflightFinding> findings, Db db, Broadcast broadcast, long recipients, CancellationToken cancel)
    {
        if (broadcast.BatchSizePerHour is not { } rate)
        {
            if (recipients > ManyWithoutRate)
            {
                findings.Add(new PreflightFinding(
                    "no_rate", FindingLevel.Warning, $"It has no rate: {Wording.People(recipients)} get it as fast as the relay takes.", "Set a rate", Edit(broadcast)));
            }

            return;
        }

        var past = await db.Broadcasts.AsNoTracking()
            .Where(b => b.Status == BroadcastStatus.Sent && b.Recipients >= 1000)
            .OrderByDescending(b => b.Id).Take(10)
            .Select(b => new { b.Recipients, b.FrozenAt, b.FinishedAt, b.BatchSizePerHour })
            .ToListAsync(cancel);
        // One that kept to its own rate says nothing about the relay.
        var speeds = past.Where(b => b.FinishedAt - b.FrozenAt > TimeSpan.FromMinutes(1))
            .Select(b => (Speed: b.Recipients / (b.FinishedAt!.Value - b.FrozenAt!.Value).TotalHours, b.BatchSizePerHour))
            .Where(b => !(b.Speed > b.BatchSizePerHour * 0.9)).Select(b => b.Speed).ToList();
        if (speeds.Count > 0 && rate > speeds.Max() * TooFast && recipients > rate / 60)
        {
            findings.Add(new PreflightFinding(
                "too_fast", FindingLevel.Warning, $"{Wording.Number(rate)} an hour is more than the relay ever took here ({Wording.Number((long)speeds.Max())} an hour): it will take longer than planned.", "Change the rate", Edit(broadcast)));
        }
    }

    private static async Task AddRehearsalAsync(List<PreflightFinding> findings, Db db, Broadcast broadcast, string digest, CancellationToken cancel)
    {
        var last = await db.Rehearsals.AsNoTracking().Where(r => r.BroadcastId == broadcast.Id && r.Digest == digest).OrderByDescending(r => r.Id).FirstOrDefaultAsync(cancel);
        if (last is null)
        {
            findings.Add(new PreflightFinding("not_rehearsed", FindingLevel.Note, "Not rehearsed like this yet: a rehearsal makes every message and sends none.", "Rehearse it", $"/broadcasts/{broadcast.Id}#rehearsal"));
            return;
        }

        var result = JsonSerializer.Deserialize<RehearsalResult>(last.Result, ApiJson.Options)!;
        if (result.Blocked > 0)
        {
            findings.Add(new PreflightFinding(
                "rehearsal_blocked",
                result.Blocked == result.Recipients ? FindingLevel.Blocker : FindingLevel.Warning,
                $"In the rehearsal the messages of {Wording.People(result.Blocked)} could not be made: they would get none.", "Who and why", $"/broadcasts/{broadcast.Id}#rehearsal"));
        }
    }

    private static string Edit(Broadcast broadcast) => $"/broadcasts/{broadcast.Id}/edit";
}
