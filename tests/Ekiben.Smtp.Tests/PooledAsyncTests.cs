using System.Runtime.CompilerServices;

namespace Ekiben.Smtp.Tests;

/// <summary>A method whose waits are pooled answers as any other does, however many of them wait at once.</summary>
public class PooledAsyncTests
{
    private static readonly AsyncLocal<int> Ambient = new();

    [Fact]
    public async Task Each_of_many_that_wait_at_once_gets_its_own_answer()
    {
        for (var round = 0; round < 3; round++)
        {
            var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            // More than the pool keeps, so that some are new and some are dropped.
            var waiting = Enumerable.Range(0, 600).Select(number => TwiceAsync(number, gate.Task).AsTask()).ToList();
            Assert.DoesNotContain(waiting, one => one.IsCompleted);
            gate.SetResult();
            Assert.Equal(Enumerable.Range(0, 600).Select(number => 2 * number), await Task.WhenAll(waiting));
        }
    }

    [Fact]
    public async Task What_is_thrown_before_and_after_a_wait_reaches_the_caller()
    {
        Assert.Equal("before", (await Assert.ThrowsAsync<InvalidOperationException>(async () => await ThrowAsync("before", Task.CompletedTask))).Message);
        var gate = new TaskCompletionSource();
        var after = ThrowAsync("after", gate.Task).AsTask();
        gate.SetResult();
        Assert.Equal("after", (await Assert.ThrowsAsync<InvalidOperationException>(() => after)).Message);
        Assert.Equal(8, await TwiceAsync(4, Task.CompletedTask));
    }

    [Fact]
    public async Task Ambient_values_are_the_methods_own_after_its_wait()
    {
        var gate = new TaskCompletionSource();
        Ambient.Value = 7;
        var seen = AmbientAsync(gate.Task).AsTask();
        Ambient.Value = 8;
        gate.SetResult();
        Assert.Equal(7, await seen);
    }

    [AsyncMethodBuilder(typeof(PooledAsync<>))]
    private static async ValueTask<int> TwiceAsync(int number, Task gate)
    {
        await NothingAsync(gate);
        await Task.Yield();
        return 2 * number;
    }

    [AsyncMethodBuilder(typeof(PooledAsync))]
    private static async ValueTask NothingAsync(Task gate) => await gate;

    [AsyncMethodBuilder(typeof(PooledAsync<>))]
    private static async ValueTask<int> AmbientAsync(Task gate)
    {
        await gate;
        return Ambient.Value;
    }

    [AsyncMethodBuilder(typeof(PooledAsync))]
    private static async ValueTask ThrowAsync(string what, Task gate)
    {
        await gate;
        throw new InvalidOperationException(what);
    }
}
