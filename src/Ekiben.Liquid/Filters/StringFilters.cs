using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>Filters from text to text. A result equal to its input is the input itself.</summary>
internal static class StringFilters
{
    private const int DefaultTruncation = 50;
    private const int DefaultWords = 15;

    public static Value Append(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Join(renderer, ValueText.Of(input, renderer), ValueText.Of(arguments.First, renderer));

    public static Value Prepend(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Join(renderer, ValueText.Of(arguments.First, renderer), ValueText.Of(input, renderer));

    public static Value Capitalize(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        if (text.Length == 0)
        {
            return Value.EmptyString;
        }

        renderer.Work(text.Length);
        var head = Characters.LengthAt(text, 0);
        if (IsUpper(text.AsSpan(0, head)) && IsLower(text.AsSpan(head)))
        {
            return Value.Of(text);
        }

        renderer.Charge(text.Length);
        return Value.Of(string.Create(text.Length, (text, head), static (target, state) =>
        {
            state.text.AsSpan(0, state.head).ToUpperInvariant(target);
            state.text.AsSpan(state.head).ToLowerInvariant(target[state.head..]);
        }));
    }

    public static Value Downcase(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Charge(text.Length);
        return Value.Of(text.ToLowerInvariant());
    }

    public static Value Upcase(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Charge(text.Length);
        return Value.Of(text.ToUpperInvariant());
    }

    public static Value Strip(Renderer renderer, in Value input, in FilterArguments arguments) => Strip(renderer, input, left: true, right: true);

    public static Value StripLeft(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Strip(renderer, input, left: true, right: false);

    public static Value StripRight(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Strip(renderer, input, left: false, right: true);

    public static Value StripNewlines(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Work(text.Length);
        if (!text.Contains('\n', StringComparison.Ordinal))
        {
            return Value.Of(text);
        }

        var builder = new TextBuilder(renderer);
        for (var index = 0; index < text.Length; index++)
        {
            var isNewline = text[index] == '\n' || (text[index] == '\r' && index + 1 < text.Length && text[index + 1] == '\n');
            if (!isNewline)
            {
                builder.Append(text[index]);
            }
        }

        return builder.FinishValue();
    }

    public static Value Squish(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Work(text.Length);
        var builder = new TextBuilder(renderer);
        var pending = false;
        foreach (var character in text)
        {
            if (Characters.IsSpace(character))
            {
                pending = builder.Length > 0;
                continue;
            }

            if (pending)
            {
                builder.Append(' ');
                pending = false;
            }

            builder.Append(character);
        }

        return builder.FinishValue();
    }

    public static Value Split(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        var separator = ValueText.Of(arguments.First, renderer);
        using var scratch = new ScratchList(renderer);
        var parts = scratch.List;
        if (separator == " ")
        {
            SplitAtSpaces(renderer, text, parts);
        }
        else
        {
            SplitAt(renderer, text, separator, parts);
        }

        // Ruby drops the empty strings at the end.
        var count = parts.Count;
        while (count > 0 && parts[count - 1].Text.Length == 0)
        {
            count--;
        }

        parts.RemoveRange(count, parts.Count - count);
        return scratch.ToValue();
    }

    public static Value Replace(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        var pattern = ValueText.Of(arguments.First, renderer);
        var replacement = ValueText.Of(arguments.Second, renderer);
        renderer.Search(text.Length, pattern.Length);
        var builder = new TextBuilder(renderer);
        var index = 0;
        if (pattern.Length == 0)
        {
            // Ruby's gsub with an empty pattern: before each character and at the end.
            while (index < text.Length)
            {
                var length = Characters.LengthAt(text, index);
                builder.Append(replacement);
                builder.Append(text.AsSpan(index, length));
                index += length;
            }

            builder.Append(replacement);
            return builder.FinishValue();
        }

        while (text.IndexOf(pattern, index, StringComparison.Ordinal) is var found && found >= 0)
        {
            builder.Append(text.AsSpan(index, found - index));
            builder.Append(replacement);
            index = found + pattern.Length;
        }

        builder.Append(text.AsSpan(index));
        return builder.FinishValue();
    }

    public static Value ReplaceFirst(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        var pattern = ValueText.Of(arguments.First, renderer);
        renderer.Search(text.Length, pattern.Length);
        return ReplaceAt(renderer, text, text.IndexOf(pattern, StringComparison.Ordinal), pattern.Length, ValueText.Of(arguments.Second, renderer));
    }

    public static Value ReplaceLast(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        var pattern = ValueText.Of(arguments.First, renderer);
        renderer.Search(text.Length, pattern.Length);
        var found = pattern.Length == 0 ? text.Length : text.LastIndexOf(pattern, StringComparison.Ordinal);
        return ReplaceAt(renderer, text, found, pattern.Length, ValueText.Of(arguments.Second, renderer));
    }

    public static Value Truncate(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (input.IsNil)
        {
            return input;
        }

        var text = ValueText.Of(input, renderer);
        var length = arguments.Count > 0 ? Integer(renderer, arguments.First) : DefaultTruncation;
        var ending = arguments.Count > 1 ? ValueText.Of(arguments.Second, renderer) : "...";
        renderer.Work(text.Length);
        if (Characters.Count(text) <= length)
        {
            return Value.Of(text);
        }

        var kept = Characters.IndexOf(text, Math.Max(0, length - Characters.Count(ending)));
        return Join(renderer, text.AsSpan(0, kept), ending);
    }

    public static Value TruncateWords(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (input.IsNil)
        {
            return input;
        }

        var text = ValueText.Of(input, renderer);
        var words = Math.Max(1, arguments.Count > 0 ? Integer(renderer, arguments.First) : DefaultWords);
        var ending = arguments.Count > 1 ? ValueText.Of(arguments.Second, renderer) : "...";
        renderer.Work(text.Length);
        var builder = new TextBuilder(renderer);
        var index = 0;
        for (var count = 0L; TryReadWord(text, ref index, out var word); count++)
        {
            if (count == words)
            {
                builder.Append(ending);
                return builder.FinishValue();
            }

            builder.Append(count == 0 ? "" : " ");
            builder.Append(word);
        }

        builder.Abandon();
        return Value.Of(text);
    }

    public static Value Slice(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var start = Integer(renderer, arguments.First);
        var length = arguments.Second.IsNil ? 1 : Integer(renderer, arguments.Second);
        if (input.Kind == ValueKind.List)
        {
            var count = Collections.Count(input);
            var (from, taken) = Cut(start, length, count);
            renderer.ChargeItems(taken);
            var items = new Value[taken];
            for (var index = 0; index < taken; index++)
            {
                items[index] = Collections.At(input, (int)from + index);
            }

            return Value.Of(items);
        }

        var text = ValueText.Of(input, renderer);
        renderer.Work(text.Length);
        var (first, characters) = Cut(start, length, Characters.Count(text));
        var begin = Characters.IndexOf(text, first);
        return renderer.Created(text, begin, Characters.IndexOf(text, first + characters));
    }

    public static long Integer(Renderer renderer, in Value value) => Numbers.ToInteger(value)
        ?? throw renderer.Error(TemplateErrors.Argument, "The filter needs an integer");

    private static (long Start, long Length) Cut(long start, long length, int count)
    {
        if (start < 0)
        {
            start += count;
        }

        return start < 0 || start > count || length < 0 ? (0, 0) : (start, Math.Min(length, count - start));
    }

    private static Value Join(Renderer renderer, ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        renderer.Charge((long)left.Length + right.Length);
        return Value.Of(string.Concat(left, right));
    }

    private static Value ReplaceAt(Renderer renderer, string text, int found, int length, string replacement)
    {
        renderer.Work(text.Length);
        if (found < 0)
        {
            return Value.Of(text);
        }

        renderer.Charge((long)text.Length + replacement.Length);
        return Value.Of(string.Concat(text.AsSpan(0, found), replacement, text.AsSpan(found + length)));
    }

    private static Value Strip(Renderer renderer, in Value input, bool left, bool right)
    {
        var text = ValueText.Of(input, renderer);
        var (start, end) = (0, text.Length);
        while (left && start < end && (Characters.IsSpace(text[start]) || text[start] == '\0'))
        {
            start++;
        }

        while (right && end > start && (Characters.IsSpace(text[end - 1]) || text[end - 1] == '\0'))
        {
            end--;
        }

        renderer.Work(text.Length);
        return renderer.Created(text, start, end);
    }

    private static void SplitAtSpaces(Renderer renderer, string text, List<Value> parts)
    {
        renderer.Work(text.Length);
        var index = 0;
        while (TryReadWord(text, ref index, out var word))
        {
            AddPart(renderer, parts, word);
        }
    }

    private static void SplitAt(Renderer renderer, string text, string separator, List<Value> parts)
    {
        renderer.Search(text.Length, separator.Length);
        var index = 0;
        while (index < text.Length)
        {
            var found = separator.Length == 0
                ? index + Characters.LengthAt(text, index)
                : text.IndexOf(separator, index, StringComparison.Ordinal);
            var end = found < 0 ? text.Length : found;
            AddPart(renderer, parts, text.AsSpan(index, end - index));
            if (found < 0)
            {
                break;
            }

            index = end + separator.Length;
        }
    }

    /// <summary>Books a part with its characters and its place in the list.</summary>
    private static void AddPart(Renderer renderer, List<Value> parts, ReadOnlySpan<char> text)
    {
        renderer.CheckItems(parts.Count + 1);
        renderer.BookItems(text.IsEmpty ? 1 : 2);
        renderer.Charge(text.Length);
        parts.Add(Value.Of(text.ToString()));
    }

    private static bool TryReadWord(string text, ref int index, out ReadOnlySpan<char> word)
    {
        while (index < text.Length && Characters.IsSpace(text[index]))
        {
            index++;
        }

        var start = index;
        while (index < text.Length && !Characters.IsSpace(text[index]))
        {
            index++;
        }

        word = text.AsSpan(start, index - start);
        return index > start;
    }

    private static bool IsUpper(ReadOnlySpan<char> text)
    {
        Span<char> changed = stackalloc char[2];
        text.ToUpperInvariant(changed);
        return text.SequenceEqual(changed[..text.Length]);
    }

    private static bool IsLower(ReadOnlySpan<char> text)
    {
        foreach (var character in text)
        {
            if (char.ToLowerInvariant(character) != character)
            {
                return false;
            }
        }

        return true;
    }
}
