using System.Runtime.CompilerServices;
using System.Text.Json;
using Ekiben.Liquid.Nodes;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Rendering;

/// <summary>
/// The state of one rendering: scopes, output and meter. Reused per thread, so that the straight path allocates nothing.
/// Scopes are three: frames (loop and partial arguments, innermost first), assigned names, then counters and the host's data.
/// </summary>
internal sealed partial class Renderer
{
    [ThreadStatic]
    private static Renderer? _spare;

    private readonly List<ForLoop> _loops = [];
    private readonly Dictionary<(string Loop, int Scope), long> _loopOffsets = [];
    private readonly Dictionary<string, int> _cycles = new(StringComparer.Ordinal);
    private Frame[] _frames = new Frame[32];
    private int _frameCount;
    private int _frameBase;
    private Dictionary<string, Value> _assigned = new(StringComparer.Ordinal);
    private Dictionary<string, long>? _counters;
    private IReadOnlyDictionary<string, object?>? _dictionary;
    private ITemplateObject? _object;
    private Template _template = null!;
    private string? _partial;
    private int _partialDepth;
    private int _scope;
    private int _scopes;
    private int _loopDepth;
    private int _loopBase;
    private ulong _random;
    private RenderOptions _options;

    private Renderer() => Output = new OutputBuffer(this);

    public OutputBuffer Output { get; }

    /// <summary>The source offset of what runs now; errors are reported there.</summary>
    public int At { get; set; }

    public string? LastIfChanged { get; set; }

    public DateTimeOffset Now => TimeZoneInfo.ConvertTime(_options.Now, TimeZone);

    public TimeZoneInfo TimeZone => _options.TimeZone ?? TimeZoneInfo.Utc;

    public static Renderer Rent()
    {
        var renderer = _spare ?? new Renderer();
        _spare = null;
        return renderer;
    }

    /// <summary>Forgets the data and goes back to the thread.</summary>
    public void Return()
    {
        Output.Reset();
        ReturnScratch();
        _frames.AsSpan(0, _frameCount).Clear();
        _frameCount = _frameBase = 0;
        if (_assigned.Count > 0)
        {
            _assigned.Clear();
        }

        if (_loopOffsets.Count > 0)
        {
            _loopOffsets.Clear();
        }

        if (_cycles.Count > 0)
        {
            _cycles.Clear();
        }

        _loopDepth = _partialDepth = _scope = _loopBase = 0;
        _counters = null;
        LastIfChanged = null;
        _dictionary = null;
        _object = null;
        _template = null!;
        _partial = null;
        _options = default;
        _escaper = null;
        _spare = this;
    }

    public ReadOnlySpan<byte> Run(Template template, object data, in RenderOptions options)
    {
        _options = options;
        _escaper = options.Escape;
        _template = template;
        _dictionary = data as IReadOnlyDictionary<string, object?>;
        _object = _dictionary is null ? (ITemplateObject)data : null;
        _random = options.Seed;
        StartMeter(options);
        template.Body.Render(this);
        CheckTime();
        return Output.Written;
    }

    /// <summary>The value of a root name, nil when nobody knows it.</summary>
    public Value Find(string name)
    {
        for (var index = _frameCount - 1; index >= _frameBase; index--)
        {
            ref var frame = ref _frames[index];
            if (ReferenceEquals(frame.Name, name) || string.Equals(frame.Name, name, StringComparison.Ordinal))
            {
                return frame.Value;
            }
        }

        if (_assigned.Count > 0 && _assigned.TryGetValue(name, out var assigned))
        {
            return assigned;
        }

        if (_counters is not null && _counters.TryGetValue(name, out var counter))
        {
            return Value.Of(counter);
        }

        return FindInData(name);
    }

    public void Assign(string name, in Value value)
    {
        if (_assigned.Count >= Limits.Items && !_assigned.ContainsKey(name))
        {
            throw OverBudget(nameof(TemplateLimits.Items), Limits.Items);
        }

        _assigned[name] = value;
    }

    /// <summary>Opens a frame with one name; returns its index for <see cref="SetFrame"/>.</summary>
    public int Push(string name, in Value value)
    {
        if (_frameCount == _frames.Length)
        {
            Array.Resize(ref _frames, _frames.Length * 2);
        }

        _frames[_frameCount] = new Frame { Name = name, Value = value };
        return _frameCount++;
    }

    public void SetFrame(int index, in Value value) => _frames[index].Value = value;

    public void Pop(int count)
    {
        _frames.AsSpan(_frameCount - count, count).Clear();
        _frameCount -= count;
    }

    /// <summary>Adds to a counter of <c>increment</c> or <c>decrement</c>, which starts at the host's number of that name or 0.</summary>
    public long Count(string name, int step)
    {
        _counters ??= new Dictionary<string, long>(StringComparer.Ordinal);
        if (!_counters.TryGetValue(name, out var current))
        {
            var known = FindInData(name);
            current = known.Kind == ValueKind.Integer ? known.Integer : 0;
        }

        var next = unchecked(current + step);
        _counters[name] = next;
        return step > 0 ? current : next;
    }

    /// <summary>The next value of <c>lottery</c>'s generator (SplitMix64): equal seeds draw equal elements.</summary>
    public ulong NextRandom()
    {
        unchecked
        {
            _random += 0x9E3779B97F4A7C15;
            var mixed = _random;
            mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
            return mixed ^ (mixed >> 31);
        }
    }

    public ForLoop OpenLoop(string name, long length)
    {
        // Reused only from the outermost level: an inner loop may still be reachable through an assigned forloop.
        if (_loopDepth == _loops.Count)
        {
            _loops.Add(new ForLoop());
        }

        var loop = _loops[_loopDepth];
        var parent = _loopDepth > _loopBase ? _loops[_loopDepth - 1] : null;
        _loopDepth++;
        loop.Start(name, length, parent);
        return loop;
    }

    public void CloseLoop() => _loopDepth--;

    public long LoopOffset(string loop) => _loopOffsets.GetValueOrDefault((loop, _scope));

    public void SetLoopOffset(string loop, long offset) => _loopOffsets[(loop, _scope)] = offset;

    public int CycleIndex(string group) => _cycles.GetValueOrDefault(group);

    public void SetCycleIndex(string group, int index) => _cycles[group] = index;

    /// <summary>Renders a partial that sees the caller's scopes and may write to them.</summary>
    public Signal Include(Template template, string name)
    {
        var (callerTemplate, callerPartial, at) = (_template, _partial, At);
        EnterPartial(template, name);
        var signal = template.Body.Render(this);
        LeavePartial(callerTemplate, callerPartial, at);
        return signal;
    }

    /// <summary>Renders a partial that sees its arguments and the host's data only; it may assign over the former.</summary>
    public void Isolate(Template template, string name, Dictionary<string, Value> arguments)
    {
        var (callerTemplate, callerPartial, at) = (_template, _partial, At);
        var (callerAssigned, callerCounters, callerBase, callerScope, callerLoops) = (_assigned, _counters, _frameBase, _scope, _loopBase);
        _assigned = arguments;
        _counters = null;
        _frameBase = _frameCount;
        _scope = ++_scopes;
        _loopBase = _loopDepth;
        EnterPartial(template, name);
        template.Body.Render(this);
        LeavePartial(callerTemplate, callerPartial, at);
        (_assigned, _counters, _frameBase, _scope, _loopBase) = (callerAssigned, callerCounters, callerBase, callerScope, callerLoops);
    }

    public Template FindPartial(string name)
    {
        var host = _options.Partials ?? throw Error(TemplateErrors.UnknownPartial, "This template has no partials");
        try
        {
            return host.Find(name) ?? throw Error(TemplateErrors.UnknownPartial, $"There is no partial '{name}'");
        }
        catch (TemplateException error) when (error.Code != TemplateErrors.UnknownPartial)
        {
            throw error.InPartial(name);
        }
    }

    public TemplateException Error(string code, string message) => new(code, message, _template.Source, At, _partial);

    public TemplateException OverBudget(string budget, object limit) => new(
        TemplateErrors.OverBudget, $"The template exceeds its limit {budget} of {limit}", _template.Source, At, _partial, budget);

    private void EnterPartial(Template template, string name)
    {
        if (_partialDepth >= Limits.PartialDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw OverBudget(nameof(TemplateLimits.PartialDepth), Limits.PartialDepth);
        }

        _partialDepth++;
        _template = template;
        _partial = name;
    }

    private void LeavePartial(Template template, string? partial, int at)
    {
        _partialDepth--;
        (_template, _partial, At) = (template, partial, at);
    }

    private Value FindInData(string name)
    {
        object? value;
        var isKnown = _dictionary is not null ? _dictionary.TryGetValue(name, out value) : _object!.TryGet(name, out value);
        if (!isKnown)
        {
            return default;
        }

        return value is JsonElement json ? Decoded(Value.From(json)) : Value.From(value);
    }

    private struct Frame
    {
        public string Name;
        public Value Value;
    }
}
