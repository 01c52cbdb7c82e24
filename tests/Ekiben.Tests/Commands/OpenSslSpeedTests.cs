using Ekiben.Commands;

namespace Ekiben.Tests.Commands;

public class OpenSslSpeedTests
{
    [Theory]
    [InlineData("                  sign    verify    sign/s verify/s\nrsa 2048 bits 0.000676s 0.000049s   1479.3  20546.6\n", 1479.3)]
    [InlineData("     sign    verify    encrypt   decrypt   sign/s verify/s  encr./s  decr./s\nrsa  2048 bits 0.000340s 0.000010s 0.000011s 0.000350s 2940.0 99000.0 90000.0 2800.0\n", 2940.0)]
    public void Signatures_a_second_are_read_from_both_forms(string output, double rate) => Assert.Equal(rate, OpenSslSpeed.Read(output));

    [Theory]
    [InlineData("")]
    [InlineData("rsa 2048 bits 0.000676s\n")]
    public void Anything_else_is_said(string output) => Assert.Throws<CommandFailure>(() => OpenSslSpeed.Read(output));
}
