using Ekiben.Broadcasts.Pages;

namespace Ekiben.Tests.Broadcasts.Pages;

public class RateWordsTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 14, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_forecast_names_the_second_of_the_next_and_the_day_of_the_last() =>
        Assert.Equal("next at 14:03:10, finished Thu 17:40", RateWords.Forecast(Now.AddSeconds(190), Now.AddDays(2).AddMinutes(220), Now, TimeZoneInfo.Utc));

    [Fact]
    public void A_next_message_of_another_day_is_told_with_its_day() =>
        Assert.StartsWith("next at Wed 00:05:00", RateWords.Forecast(Now.AddHours(10).AddMinutes(5), Now.AddDays(2), Now, TimeZoneInfo.Utc), StringComparison.Ordinal);

    [Theory]
    [InlineData(null, null)]
    [InlineData(" ", null)]
    [InlineData("1,500", 1500)]
    [InlineData("10", 10)]
    [InlineData("250000", 250_000)]
    public void A_rate_is_read_as_people_type_it(string? typed, int? perHour)
    {
        Assert.True(RateWords.TryRead(typed, out var read));
        Assert.Equal(perHour, read);
    }

    [Theory]
    [InlineData("9")]
    [InlineData("250001")]
    [InlineData("-20")]
    [InlineData("1.5")]
    [InlineData("fast")]
    public void What_cannot_be_a_rate_is_not_read(string typed) => Assert.False(RateWords.TryRead(typed, out _));
}
