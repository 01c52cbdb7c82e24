namespace Ekiben.Tests;

public class SetUp
{
    [Fact]
    public void Builds() => Assert.True(true);
}
