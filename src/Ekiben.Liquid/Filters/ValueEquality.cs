using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>Equality for <c>uniq</c>. Maps and lists hash by size, so equal ones meet.</summary>
internal sealed class ValueEquality(Renderer renderer) : IEqualityComparer<Value>
{
    public bool Equals(Value left, Value right) => left.Kind == right.Kind && Comparison.AreEqual(renderer, left, right);

    private int HashOf(string text)
    {
        renderer.Work(text.Length);
        return text.GetHashCode(StringComparison.Ordinal);
    }

    public int GetHashCode(Value value) => value.Kind switch
    {
        ValueKind.String => HashOf(value.Text),
        ValueKind.List => Collections.Count(value) is var count && count > 0 && Collections.At(value, 0) is { Kind: ValueKind.String } first
            ? HashCode.Combine(count, first.Text) : count,
        ValueKind.Map => Collections.MapCount(value),
        ValueKind.Decimal or ValueKind.Range => value.Reference.GetHashCode(),
        ValueKind.Object or ValueKind.Loop => 0,
        _ => HashCode.Combine(value.Kind, value.Integer),
    };
}
