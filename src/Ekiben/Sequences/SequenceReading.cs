using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Sequences;

/// <summary>How many people of a sequence are in which state.</summary>
/// <param name="Active">With a step to come.</param>
/// <param name="Finished">Who got the last step there was.</param>
/// <param name="Ended">Who left or was stopped.</param>
internal sealed record SequencePeople(long Active, long Finished, long Ended)
{
    public static readonly SequencePeople None = new(0, 0, 0);

    public long All => Active + Finished + Ended;
}

/// <summary>A person in a sequence. <c>NextStep</c> counts from 1; <c>DueAt</c> is null while it is not worked out, and for those without a next step.</summary>
internal sealed record SequencePerson(long Id, SubscriberId Person, string Email, int NextStep, DateTimeOffset SinceAt, DateTimeOffset? DueAt);

/// <summary>Reads who is where in sequences. Counting walks the people, so ask beside a page.</summary>
internal static class SequenceReading
{
    /// <summary>Sequences without anybody are left out.</summary>
    public static async Task<IReadOnlyDictionary<long, SequencePeople>> CountAsync(Db db, IReadOnlyList<long> sequences, CancellationToken cancel)
    {
        var counts = await db.Enrolments.Where(one => sequences.Contains(one.SequenceId))
            .GroupBy(one => new { one.SequenceId, one.State }).Select(group => new { group.Key.SequenceId, group.Key.State, Count = group.LongCount() }).ToListAsync(cancel);
        return counts.GroupBy(line => line.SequenceId).ToDictionary(lines => lines.Key, lines =>
        {
            var of = lines.ToDictionary(line => line.State, line => line.Count);
            return new SequencePeople(of.GetValueOrDefault(EnrolmentState.Active), of.GetValueOrDefault(EnrolmentState.Finished), of.GetValueOrDefault(EnrolmentState.Ended));
        });
    }

    /// <summary>How many wait for the step at each position.</summary>
    public static async Task<IReadOnlyDictionary<int, long>> WaitingAsync(Db db, long sequence, CancellationToken cancel) =>
        await db.Enrolments.Where(one => one.SequenceId == sequence && one.State == EnrolmentState.Active)
            .GroupBy(one => one.Position).Select(group => new { group.Key, Count = group.LongCount() }).ToDictionaryAsync(group => group.Key, group => group.Count, cancel);

    /// <summary>Those in a state, who came last first, after a row of the page before.</summary>
    /// <param name="db">The site's.</param>
    /// <param name="sequence">Its id.</param>
    /// <param name="state">One state: the index is in its order.</param>
    /// <param name="before">Only with lower ids.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancel">Ends the query.</param>
    public static async Task<List<SequencePerson>> PeopleAsync(Db db, long sequence, EnrolmentState state, long before, int limit, CancellationToken cancel) =>
        await (
            from one in db.Enrolments.AsNoTracking().Where(one => one.SequenceId == sequence && one.State == state && one.Id < before).OrderByDescending(one => one.Id).Take(limit)
            join person in db.Subscribers on one.SubscriberId equals person.Id into people
            from person in people.DefaultIfEmpty()
            orderby one.Id descending
            select new SequencePerson(one.Id, one.SubscriberId, person == null ? "(deleted)" : person.Address.Normalised, one.Position + 1, one.SinceAt, one.DueAt)).ToListAsync(cancel);
}
