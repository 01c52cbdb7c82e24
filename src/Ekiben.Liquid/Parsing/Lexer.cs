using System.Globalization;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Parsing;

/// <summary>The smallest parts of markup, read in place between <c>_at</c> and <c>_end</c>.</summary>
internal sealed partial class Parser
{
    private void SkipSpace()
    {
        while (_at < _end && Characters.IsSpace(_source[_at]))
        {
            _at++;
        }
    }

    private char Peek() => _at < _end ? _source[_at] : '\0';

    private bool Take(char character)
    {
        SkipSpace();
        if (Peek() != character || _at == _end)
        {
            return false;
        }

        _at++;
        return true;
    }

    private bool TakeWord(string word)
    {
        SkipSpace();
        var rest = _source.AsSpan(_at, _end - _at);
        if (!rest.StartsWith(word, StringComparison.Ordinal) || (rest.Length > word.Length && IsNamePart(rest[word.Length])))
        {
            return false;
        }

        _at += word.Length;
        return true;
    }

    private void ExpectEnd()
    {
        SkipSpace();
        if (_at < _end)
        {
            throw Error($"'{_source[_at]}' is unexpected here");
        }
    }

    private void OpenBracket()
    {
        if (++_brackets > _limits.Nesting)
        {
            throw OverBudget(nameof(TemplateLimits.Nesting), _limits.Nesting, _at);
        }

        _at++;
    }

    private void CloseBracket(char bracket)
    {
        if (!Take(bracket))
        {
            throw Error($"'{bracket}' is missing");
        }

        _brackets--;
    }

    private static bool IsNameStart(char character) => char.IsAsciiLetter(character) || character == '_';

    private static bool IsNamePart(char character) => char.IsAsciiLetterOrDigit(character) || character is '_' or '-';

    /// <summary>Ruby's identifier: letters, digits, underscores and hyphens, then one question mark at most.</summary>
    private ReadOnlySpan<char> ReadIdentifier()
    {
        var start = _at;
        if (_at < _end && IsNameStart(_source[_at]))
        {
            _at++;
            while (_at < _end && IsNamePart(_source[_at]))
            {
                _at++;
            }

            if (Peek() == '?')
            {
                _at++;
            }
        }

        return _source.AsSpan(start, _at - start);
    }

    private bool TryReadKeyword(out ReadOnlySpan<char> keyword)
    {
        SkipSpace();
        var start = _at;
        keyword = ReadIdentifier();
        if (!keyword.IsEmpty && Take(':'))
        {
            return true;
        }

        _at = start;
        return false;
    }

    private string ReadString()
    {
        var quote = _source[_at];
        var end = _source.IndexOf(quote, _at + 1, _end - _at - 1);
        if (end < 0)
        {
            throw Error("A string is not closed");
        }

        var text = _source[(_at + 1)..end];
        _at = end + 1;
        return text;
    }

    private Value ReadNumber()
    {
        var start = _at;
        _at++;
        while (char.IsAsciiDigit(Peek()))
        {
            _at++;
        }

        var isFloat = Peek() == '.' && _at + 1 < _end && char.IsAsciiDigit(_source[_at + 1]);
        if (isFloat)
        {
            _at++;
            while (char.IsAsciiDigit(Peek()))
            {
                _at++;
            }
        }

        var text = _source.AsSpan(start, _at - start);
        return isFloat ? Value.Of(double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)) : Numbers.ParseInteger(text);
    }

    /// <summary>One string a name: look-ups then compare references first.</summary>
    private string Intern(ReadOnlySpan<char> name)
    {
        var lookup = _names.GetAlternateLookup<ReadOnlySpan<char>>();
        if (lookup.TryGetValue(name, out var known))
        {
            return known;
        }

        var text = name.ToString();
        _names.Add(text);
        return text;
    }
}
