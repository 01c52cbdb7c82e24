namespace Ekiben.Liquid;

/// <summary>What one rendering depends on besides the data. Two renderings with equal data and options give equal bytes.</summary>
public readonly record struct RenderOptions
{
    /// <summary>The render clock: what <c>'now'</c> means. A broadcast passes its start.</summary>
    public DateTimeOffset Now { get; init; }

    /// <summary>The zone of <c>'now'</c>, of timestamps and of dates without an offset; UTC when null.</summary>
    public TimeZoneInfo? TimeZone { get; init; }

    /// <summary>Seeds <c>lottery</c>. A broadcast derives it from the broadcast and the address.</summary>
    public ulong Seed { get; init; }

    /// <summary>Where <c>render</c> and <c>include</c> find their templates; without it both are errors.</summary>
    public ITemplatePartials? Partials { get; init; }

    /// <summary>Escapes every output value for the place it stands in; null writes values as they are, as Liquid does.</summary>
    public IValueEscaper? Escape { get; init; }

    /// <summary>The budgets; <see cref="TemplateLimits.Default"/> when null.</summary>
    public TemplateLimits? Limits { get; init; }

    /// <summary>Measures <see cref="TemplateLimits.Time"/>. Without it the step budget alone bounds the work.</summary>
    public TimeProvider? Clock { get; init; }

    /// <summary>Ends the rendering with <see cref="OperationCanceledException"/>.</summary>
    public CancellationToken CancellationToken { get; init; }
}
