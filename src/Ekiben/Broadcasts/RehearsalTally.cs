using System.Runtime.InteropServices;
using System.Text.Json;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Templates;

namespace Ekiben.Broadcasts;

/// <summary>Counts what one worker of a rehearsal sees; of a size that does not grow with the audience. Not thread-safe.</summary>
internal sealed class RehearsalTally(IReadOnlyList<BlankField> asked)
{
    /// <summary>More names help nobody; the reasons have the numbers.</summary>
    public const int MaxFailing = 100;

    /// <summary>Reasons that name something of each person would be as many as people.</summary>
    private const int MaxReasons = 50;

    /// <summary>Ordinary, long, near what Gmail clips (<see cref="Lint.MaxHtmlBytes"/>), and above it.</summary>
    private static readonly long[] Limits = [25_000, 50_000, Lint.MaxHtmlBytes];

    private readonly Dictionary<string, long> _reasons = new(StringComparer.Ordinal);
    private readonly List<BlockedPerson> _failing = [];
    private readonly long[] _holes = new long[asked.Count];
    private readonly long[] _sizes = new long[Limits.Length + 1];
    private LongestSubject? _longest;

    public long Made { get; private set; }

    public long Blocked { get; private set; }

    public long PeopleWithHoles { get; private set; }

    public long LargestBytes { get; private set; }

    public long TotalBytes { get; private set; }

    public IReadOnlyDictionary<string, long> Reasons => _reasons;

    public IReadOnlyList<BlockedPerson> Failing => _failing;

    public LongestSubject? Longest => _longest;

    public void AddMade(Candidate person, MessageBuffer message)
    {
        Made++;
        var size = message.Bytes.Length;
        TotalBytes += size;
        LargestBytes = Math.Max(LargestBytes, size);
        var limit = Array.FindIndex(Limits, limit => size <= limit);
        _sizes[limit < 0 ? Limits.Length : limit]++;
        var subject = message.Subject;
        // A subject has no more characters than UTF-16 units: most are not counted.
        if (_longest is null || subject.Length > _longest.Length)
        {
            var length = subject.EnumerateRunes().Count();
            if (_longest is null || length > _longest.Length)
            {
                _longest = new LongestSubject(subject, length, person.Email);
            }
        }

        AddHoles(person);
    }

    public void AddBlocked(Candidate person, string reason)
    {
        Blocked++;
        var kept = _reasons.ContainsKey(reason) || _reasons.Count < MaxReasons ? reason : "Other reasons.";
        CollectionsMarshal.GetValueRefOrAddDefault(_reasons, kept, out _)++;
        if (_failing.Count < MaxFailing)
        {
            _failing.Add(new BlockedPerson(person.Email, $"{person.FirstName} {person.LastName}".Trim(), reason));
        }

        AddHoles(person);
    }

    /// <summary>Takes in what another worker counted.</summary>
    public void Add(RehearsalTally other)
    {
        (Made, Blocked, PeopleWithHoles) = (Made + other.Made, Blocked + other.Blocked, PeopleWithHoles + other.PeopleWithHoles);
        (LargestBytes, TotalBytes) = (Math.Max(LargestBytes, other.LargestBytes), TotalBytes + other.TotalBytes);
        foreach (var (reason, people) in other._reasons)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_reasons, reason, out _) += people;
        }

        _failing.AddRange(other._failing.Take(MaxFailing - _failing.Count));
        for (var i = 0; i < _holes.Length; i++)
        {
            _holes[i] += other._holes[i];
        }

        for (var i = 0; i < _sizes.Length; i++)
        {
            _sizes[i] += other._sizes[i];
        }

        if (other._longest?.Length > (_longest?.Length ?? 0))
        {
            _longest = other._longest;
        }
    }

    public IReadOnlyList<FieldHoles> Holes => [.. asked.Zip(_holes).Where(pair => pair.Second > 0).Select(pair => new FieldHoles(pair.First.Name, pair.Second))];

    public IReadOnlyList<SizeClass> Sizes => [.. _sizes.Select((messages, i) => new SizeClass(i < Limits.Length ? Limits[i] : null, messages))];

    /// <summary>The same test as <see cref="Audiences.CountBlankAsync"/>: no value, or blanks only.</summary>
    private void AddHoles(Candidate person)
    {
        if (asked.Count == 0)
        {
            return;
        }

        using var fields = person.Fields != "{}" ? JsonDocument.Parse(person.Fields) : null;
        var any = false;
        for (var i = 0; i < asked.Count; i++)
        {
            var field = asked[i].Field;
            var value = (field.IsCustom, field.Name) switch
            {
                (false, "first_name") => person.FirstName ?? Custom(fields, field.Name),
                (false, "last_name") => person.LastName ?? Custom(fields, field.Name),
                _ => Custom(fields, field.Name),
            };
            if (value.AsSpan().Trim(" \t\r\n").IsEmpty)
            {
                _holes[i]++;
                any = true;
            }
        }

        PeopleWithHoles += any ? 1 : 0;
    }

    private static string? Custom(JsonDocument? fields, string name) =>
        fields is not null && fields.RootElement.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null ? value.ToString() : null;
}
