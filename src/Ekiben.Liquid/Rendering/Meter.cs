using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Rendering;

/// <summary>The meter: every cost passes through here before it is paid.</summary>
internal sealed partial class Renderer
{
    private const int StepsBetweenChecks = 256;
    private const int CharactersAStep = 256;
    private const int ComparisonsAStep = 128 * 1024;
    private const int ItemBytes = 32;

    private int _steps;
    private int _nextCheck;
    private long _stringBytes;
    private long _deadline;

    public TemplateLimits Limits { get; private set; } = TemplateLimits.Default;

    /// <summary>Counts one step. Time and cancellation are looked at now and then, not at each.</summary>
    public void Step()
    {
        if (++_steps >= _nextCheck)
        {
            CheckSteps();
        }
    }

    /// <summary>Counts work on a text or list of this length.</summary>
    public void Work(long length)
    {
        if (length >= CharactersAStep)
        {
            _steps = (int)Math.Min(int.MaxValue / 2, _steps + (length / CharactersAStep));
            CheckSteps();
        }
    }

    /// <summary>
    /// Counts the search for a pattern. Comparing at each position is the worst case (a text and a pattern of one letter), and a
    /// step is about as long as comparing 128 Ki characters.
    /// </summary>
    public void Search(int text, int pattern)
    {
        Work(text);
        Work((long)text * pattern / ComparisonsAStep * CharactersAStep);
    }

    /// <summary>Books characters that are about to be created.</summary>
    public void Charge(long characters)
    {
        CheckLength(characters);
        Book(characters * sizeof(char));
        Work(characters);
    }

    /// <summary>Books bytes that are about to be created and are no string of the template's: an encoding on its way, text of JSON.</summary>
    public void Book(long bytes)
    {
        _stringBytes += bytes;
        if (_stringBytes > Limits.StringBytes)
        {
            throw OverBudget(nameof(TemplateLimits.StringBytes), Limits.StringBytes);
        }
    }

    /// <summary>Books what reading a value from JSON made: strings are decoded anew at each look, lists and maps wrapped.</summary>
    public Value Decoded(in Value value)
    {
        Book(value.Kind switch
        {
            ValueKind.String => ItemBytes + ((long)value.Text.Length * sizeof(char)),
            ValueKind.List or ValueKind.Map => ItemBytes,
            _ => 0,
        });
        return value;
    }

    /// <summary>Refuses a string that would be too long for one, however little was created before.</summary>
    public void CheckLength(long characters)
    {
        if (characters > Limits.StringLength)
        {
            throw OverBudget(nameof(TemplateLimits.StringLength), Limits.StringLength);
        }
    }

    /// <summary>Books the items of a list that is about to be created or walked.</summary>
    public void ChargeItems(long count)
    {
        CheckItems(count);
        BookItems(count);
    }

    /// <summary>Books room for items, however many one list may have.</summary>
    public void BookItems(long count)
    {
        Book(count * ItemBytes);
        Work(count * 16);
    }

    public void CheckItems(long count)
    {
        if (count > Limits.Items)
        {
            throw OverBudget(nameof(TemplateLimits.Items), Limits.Items);
        }
    }

    private void StartMeter(in RenderOptions options)
    {
        Limits = options.Limits ?? TemplateLimits.Default;
        Output.Limit = Limits.OutputBytes;
        _steps = 0;
        _stringBytes = 0;
        _scopes = 0;
        _nextCheck = Math.Min(StepsBetweenChecks, Limits.Steps + 1);
        _deadline = options.Clock is null ? 0 : options.Clock.GetTimestamp() + (long)(Limits.Time.TotalSeconds * options.Clock.TimestampFrequency);
        options.CancellationToken.ThrowIfCancellationRequested();
    }

    private void CheckSteps()
    {
        if (_steps > Limits.Steps)
        {
            throw OverBudget(nameof(TemplateLimits.Steps), Limits.Steps);
        }

        if (_steps < _nextCheck)
        {
            return;
        }

        _nextCheck = (int)Math.Min((long)_steps + StepsBetweenChecks, (long)Limits.Steps + 1);
        CheckTime();
    }

    private void CheckTime()
    {
        _options.CancellationToken.ThrowIfCancellationRequested();
        if (_options.Clock is { } clock && clock.GetTimestamp() > _deadline)
        {
            throw OverBudget(nameof(TemplateLimits.Time), Limits.Time);
        }
    }

    /// <summary>Books a part of a text, then makes it.</summary>
    public Value Created(string text, int start, int end)
    {
        if (end - start == text.Length)
        {
            return Value.Of(text);
        }

        Charge(end - start);
        return Value.Of(text[start..end]);
    }

    /// <summary>Books a string that was made elsewhere (a capture, a digest) and wraps it.</summary>
    public Value Created(string text, Safety safety = Safety.None)
    {
        Charge(text.Length);
        return Value.Of(text, safety);
    }
}
