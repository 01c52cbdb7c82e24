namespace Ekiben.Segments;

/// <summary>A field that a rule may ask for.</summary>
internal sealed record FieldChoice(string Key, string Name);
