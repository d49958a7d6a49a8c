import { expect, test } from "bun:test"
import { parseJsonLines } from "./jsonlines.ts"
import { keyOfStore } from "./kv.ts"

const HEADER = '{"history":"kv","version":1}'

function parsed(...lines: string[]): string[] {
  return parseJsonLines([HEADER, ...lines].join("\n")).map(({ process, call, answer, invokedAt, returnedAt }) => {
    const outcome = answer === null ? "unknown" : keyOfStore.answerText(answer)
    return `${process} ${invokedAt}-${returnedAt} ${keyOfStore.callText(call)}: ${outcome}`
  })
}

test("every operation and every ending", () => {
  expect(
    parsed(
      '{"process":0,"type":"invoke","op":"put","key":"a","value":"1","time":17.5}',
      '{"process":"c1","type":"invoke","op":"get","key":"a"}',
      '{"process":0,"type":"ok","revision":7,"note":"server 2"}',
      '{"process":"c1","type":"ok","value":null}',
      '{"process":0,"type":"invoke","op":"cas","key":"a","expected":7,"value":"2"}',
      '{"process":"c1","type":"invoke","op":"delete","key":"a"}',
      '{"process":"c1","type":"fail"}',
      '{"process":0,"type":"ok","swapped":false}',
      '{"process":0,"type":"invoke","op":"delete","key":"a"}',
      '{"process":0,"type":"info"}',
      "",
      '{"process":0,"type":"invoke","op":"get","key":"a"}',
      "",
    ),
  ).toEqual([
    '0 2-4 put "a" = "1": revision 7',
    'c1 3-5 get "a": no such key',
    '0 6-9 cas "a" at 7 = "2": another revision',
    '0 10-Infinity delete "a": unknown',
    '0 13-Infinity get "a": unknown',
  ])
})

test("a last line that was cut off is as if it had not been written", () => {
  const whole = '{"process":0,"type":"invoke","op":"put","key":"a","value":"1"}'
  expect(parsed(whole, '{"process":0,"type":"o')).toEqual(['0 2-Infinity put "a" = "1": unknown'])
  expect(() => parsed('{"process":0,"type":"o', whole)).toThrow("line 2: it is not JSON")
})

test("what is no history is named with its line", () => {
  const read = '{"process":0,"type":"invoke","op":"get","key":"a"}'
  const write = '{"process":0,"type":"invoke","op":"put","key":"a","value":"1"}'
  expect(() => parseJsonLines(read)).toThrow('line 1: a history begins with {"history":"kv","version":1}')
  expect(() => parseJsonLines('{"history":"kv","version":2}')).toThrow("line 1: a history begins with")
  expect(() => parsed('{"process":0,"type":"invoke","op":"append","key":"a"}')).toThrow(
    "line 2: it is not an event: op",
  )
  expect(() => parsed('{"process":0,"type":"maybe"}')).toThrow("line 2: it is not an event: type")
  expect(() => parsed(read, '{"process":0,"type":"ok","value":"1","revision":-1}')).toThrow(
    "line 3: it is not an event: revision",
  )
  expect(() => parsed(read, '{"process":0,"type":"ok","vlaue":"1"}')).toThrow('Unrecognized key: "vlaue"')
  expect(() => parsed('{"process":0,"type":"ok"}')).toThrow("line 2: process 0 did not ask for anything")
  expect(() => parsed(read, '{"process":0,"type":"ok"}')).toThrow("line 3: it does not answer a get: value is for get")
  expect(() => parsed(write, '{"process":0,"type":"ok","swapped":true}')).toThrow("it does not answer a put: swapped")
})
