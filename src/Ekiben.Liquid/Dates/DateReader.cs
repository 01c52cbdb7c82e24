using System.Globalization;

namespace Ekiben.Liquid.Dates;

/// <summary>
/// Reads dates as Ruby's Time.parse does for the forms that occur in mail data: ISO 8601, RFC 5322, "March 14, 2016",
/// "14 Mar 2016 10:30 PM", "2016/03/14", "14/03/2016" and "14.03.2016" (day first, as Ruby), a weekday in front, zones by offset or name.
/// </summary>
internal ref struct DateReader
{
    private const int MaxLength = 64;

    private static readonly string[] Months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

    private static readonly string[] Weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    private readonly ReadOnlySpan<char> _text;
    private int _at;
    private int? _year;
    private int? _month;
    private int? _day;
    private TimeSpan? _time;
    private TimeSpan? _offset;

    private DateReader(ReadOnlySpan<char> text) => _text = text;

    public static bool TryRead(ReadOnlySpan<char> text, DateTimeOffset now, TimeZoneInfo zone, out DateTimeOffset time)
    {
        time = default;
        text = text.Trim();
        if (text.Length is 0 or > MaxLength)
        {
            return false;
        }

        var reader = new DateReader(text);
        return reader.ReadParts() && reader.TryBuild(now, zone, out time);
    }

    private bool ReadParts()
    {
        while (_at < _text.Length)
        {
            var character = _text[_at];
            bool isRead;
            if (char.IsAsciiDigit(character))
            {
                isRead = ReadNumber();
            }
            else if (char.IsAsciiLetter(character))
            {
                isRead = ReadWord();
            }
            else if (character is '+' or '-' && _time is not null)
            {
                isRead = ReadOffset();
            }
            else
            {
                isRead = character is ' ' or ',' or '.' or '\t';
                _at++;
            }

            if (!isRead)
            {
                return false;
            }
        }

        return _month is not null || _year is not null || _time is not null;
    }

    private bool ReadNumber()
    {
        var start = _at;
        var number = ReadDigits();
        var length = _at - start;
        var next = _at < _text.Length ? _text[_at] : '\0';
        if (next == ':' && length <= 2 && _time is null)
        {
            return ReadTime(number);
        }

        if (length == 8 && _year is null)
        {
            (_year, _month, _day) = (number / 10000, number / 100 % 100, number % 100);
            return true;
        }

        if (next is '-' or '/' or '.' && _month is null && _at + 1 < _text.Length && char.IsAsciiLetterOrDigit(_text[_at + 1]))
        {
            return ReadSeparated(number, length, next);
        }

        return ReadLoneNumber(number, length);
    }

    private bool ReadLoneNumber(int number, int length)
    {
        if (length <= 2 && _at < _text.Length && IsMeridiem(_text[_at..].TrimStart()) && _time is null)
        {
            _time = TimeSpan.FromHours(number);
            return ReadMeridiem();
        }

        if (length > 2)
        {
            var isFree = _year is null && length <= 4;
            _year = number;
            return isFree;
        }

        // "March 14 16": the day, then a year in two digits.
        var isYear = _day is not null;
        if (isYear)
        {
            var wasFree = _year is null;
            _year = Century(number);
            return wasFree;
        }

        _day = number;
        if (_at + 1 < _text.Length && char.IsAsciiLetter(_text[_at]) && _text.Slice(_at, 2) is "st" or "nd" or "rd" or "th")
        {
            _at += 2;
        }

        return true;
    }

    private bool ReadSeparated(int first, int length, char separator)
    {
        _at++;
        int second;
        if (char.IsAsciiLetter(_text[_at]))
        {
            // 14-Mar-2016
            _day = first;
            return ReadWord() && _month is not null && TryReadSeparator(separator) && ReadLastYear();
        }

        var start = _at;
        second = ReadDigits();
        if (_at - start > 2)
        {
            return false;
        }

        if (length > 2)
        {
            (_year, _month) = (first, second);
            if (TryReadSeparator(separator))
            {
                start = _at;
                _day = ReadDigits();
                return _at > start;
            }

            _day = 1;
            return true;
        }

        if (separator == '-')
        {
            // 16-03-14 is a year in two digits for Ruby.
            (_year, _month) = (Century(first), second);
            return TryReadSeparator(separator) && (_day = ReadDigits()) > 0;
        }

        (_day, _month) = (first, second);
        if (TryReadSeparator(separator))
        {
            return ReadLastYear();
        }

        // "3/14" alone is month and day.
        (_month, _day) = (first, second);
        return true;
    }

    private bool ReadLastYear()
    {
        var start = _at;
        var number = ReadDigits();
        _year = _at - start <= 2 ? Century(number) : number;
        return _at > start;
    }

    private bool TryReadSeparator(char separator)
    {
        var isThere = _at + 1 < _text.Length && _text[_at] == separator && char.IsAsciiDigit(_text[_at + 1]);
        _at += isThere ? 1 : 0;
        return isThere;
    }

    private bool ReadTime(int hour)
    {
        _at++;
        var start = _at;
        var minute = ReadDigits();
        if (_at == start || hour > 24 || minute > 59)
        {
            return false;
        }

        var time = new TimeSpan(hour, minute, 0);
        if (_at + 1 < _text.Length && _text[_at] == ':' && char.IsAsciiDigit(_text[_at + 1]))
        {
            _at++;
            var second = ReadDigits();
            if (second > 60)
            {
                return false;
            }

            time += TimeSpan.FromSeconds(Math.Min(second, 59)) + ReadFraction();
        }

        _time = time;
        return !IsMeridiem(_text[_at..].TrimStart()) || ReadMeridiem();
    }

    private TimeSpan ReadFraction()
    {
        if (_at + 1 >= _text.Length || _text[_at] is not ('.' or ',') || !char.IsAsciiDigit(_text[_at + 1]))
        {
            return TimeSpan.Zero;
        }

        var ticks = 0L;
        var scale = TimeSpan.TicksPerSecond;
        for (_at++; _at < _text.Length && char.IsAsciiDigit(_text[_at]); _at++)
        {
            scale /= 10;
            ticks += (_text[_at] - '0') * scale;
        }

        return TimeSpan.FromTicks(ticks);
    }

    private static bool IsMeridiem(ReadOnlySpan<char> text) =>
        text.Length >= 2 && text[0] is 'a' or 'A' or 'p' or 'P' && text.Length >= 2 && text[1] is 'm' or 'M'
        && (text.Length == 2 || !char.IsAsciiLetter(text[2]));

    private bool ReadMeridiem()
    {
        while (_text[_at] is ' ')
        {
            _at++;
        }

        var hours = _time!.Value.Hours;
        if (hours > 12 || _time.Value.Days > 0)
        {
            return false;
        }

        var isAfternoon = _text[_at] is 'p' or 'P';
        _time += TimeSpan.FromHours((isAfternoon ? 12 : 0) - (hours == 12 ? 12 : 0));
        _at += 2;
        return true;
    }

    private bool ReadWord()
    {
        var start = _at;
        while (_at < _text.Length && char.IsAsciiLetter(_text[_at]))
        {
            _at++;
        }

        var word = _text[start.._at];
        if (word is "T" or "t")
        {
            return _day is not null;
        }

        if (word.Length >= 3 && IndexOf(Months, word[..3]) is var month && month >= 0 && _month is null)
        {
            // "14 March" and "March 14": a lone number in front was the day already.
            _month = month + 1;
            return true;
        }

        if (word.Length >= 3 && IndexOf(Weekdays, word[..3]) >= 0)
        {
            return true;
        }

        _offset = Zone(word);
        return _offset is not null;
    }

    private bool ReadOffset()
    {
        var sign = _text[_at] == '-' ? -1 : 1;
        _at++;
        var start = _at;
        var number = ReadDigits();
        var length = _at - start;
        var (hours, minutes) = length > 2 ? (number / 100, number % 100) : (number, 0);
        if (length <= 2 && _at + 1 < _text.Length && _text[_at] == ':')
        {
            _at++;
            minutes = ReadDigits();
        }

        _offset = sign * new TimeSpan(Math.Min(hours, 99), Math.Min(minutes, 59), 0);
        return length is 2 or 4 or 1 && hours <= 14;
    }

    private int ReadDigits()
    {
        var number = 0;
        for (; _at < _text.Length && char.IsAsciiDigit(_text[_at]); _at++)
        {
            number = number > 99_999_999 ? number : (number * 10) + (_text[_at] - '0');
        }

        return number;
    }

    private readonly bool TryBuild(DateTimeOffset now, TimeZoneInfo zone, out DateTimeOffset time)
    {
        time = default;

        // What is left out comes from today, as in Ruby; a named month or year without a day means its first.
        var hasDate = _year is not null || _month is not null || _day is not null;
        var year = _year ?? now.Year;
        var month = _month ?? (hasDate && _day is null ? 1 : now.Month);
        var day = _day ?? (hasDate ? 1 : now.Day);
        if (year is < 1 or > 9999 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month))
        {
            return false;
        }

        var clock = new DateTime(year, month, day, 0, 0, 0, DateTimeKind.Unspecified);
        var ticks = clock.Ticks + (_time ?? TimeSpan.Zero).Ticks;
        if (ticks > DateTime.MaxValue.Ticks)
        {
            return false;
        }

        clock = new DateTime(ticks, DateTimeKind.Unspecified);
        if (_offset is not { } offset)
        {
            return TimeZones.TryAttach(clock, zone, out time);
        }

        var utc = ticks - offset.Ticks;
        if (utc < 0 || utc > DateTime.MaxValue.Ticks)
        {
            return false;
        }

        time = new DateTimeOffset(clock, offset);
        return true;
    }

    private static int Century(int year) => year < 69 ? year + 2000 : year + 1900;

    private static int IndexOf(string[] names, ReadOnlySpan<char> word)
    {
        for (var index = 0; index < names.Length; index++)
        {
            if (word.Equals(names[index], StringComparison.OrdinalIgnoreCase))
            {
                return index;
            }
        }

        return -1;
    }

    /// <summary>Zone names of RFC 5322 §4.3, and Z.</summary>
    private static TimeSpan? Zone(ReadOnlySpan<char> word) => word.ToString().ToUpper(CultureInfo.InvariantCulture) switch
    {
        "Z" or "UTC" or "GMT" or "UT" => TimeSpan.Zero,
        "EST" => TimeSpan.FromHours(-5),
        "EDT" => TimeSpan.FromHours(-4),
        "CST" => TimeSpan.FromHours(-6),
        "CDT" => TimeSpan.FromHours(-5),
        "MST" => TimeSpan.FromHours(-7),
        "MDT" => TimeSpan.FromHours(-6),
        "PST" => TimeSpan.FromHours(-8),
        "PDT" => TimeSpan.FromHours(-7),
        "CET" => TimeSpan.FromHours(1),
        "CEST" => TimeSpan.FromHours(2),
        "JST" => TimeSpan.FromHours(9),
        _ => null,
    };
}
